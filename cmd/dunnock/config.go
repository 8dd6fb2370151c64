package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"
)

// configFile resolves flags from a TOML file whose keys and types have been checked.
type configFile struct{ values map[string]any }

const (
	configEnv = "DUNNOCK_CONFIG"
	// maxConfigBytes bounds a configuration file: positions in it are found by parsing beginnings of it.
	maxConfigBytes = 64 << 10
)

// configPath is the file that --config or the environment names.
func configPath(ctx *kong.Context) string {
	for _, el := range ctx.Path {
		if el.Flag != nil && el.Flag.Name == "config" {
			return ctx.FlagValue(el.Flag).(string) //nolint:forcetypeassert // as in the grammar
		}
	}
	return os.Getenv(configEnv)
}

// loadConfig reads a file and checks every key against the flags of the commands. A fault is one
// line that begins with file:line.
func loadConfig(path string, app *kong.Application) (*configFile, error) {
	f, err := os.Open(path) //nolint:gosec // the user names it
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	text, err := io.ReadAll(io.LimitReader(f, maxConfigBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("--config: %w", err)
	case len(text) > maxConfigBytes:
		return nil, fmt.Errorf("--config: %s is longer than %d bytes", path, maxConfigBytes)
	}
	file := &configFile{values: make(map[string]any)}
	if err := toml.Unmarshal(text, &file.values); err != nil {
		return nil, parseFault(path, err)
	}
	if fault := checkTable(app.Node, nil, file.values); fault != nil {
		return nil, fmt.Errorf("%s:%d: %w", path, lineOf(text, fault.key), fault.err)
	}
	return file, nil
}

// parseFault says where a file is no TOML.
func parseFault(path string, err error) error {
	var fault toml.ParseError
	if !errors.As(err, &fault) {
		return fmt.Errorf("%s: %w", path, err)
	}
	message := fault.Message
	if message == "" {
		message = fault.Error()
	}
	return fmt.Errorf("%s:%d: %s", path, fault.Position.Line, message)
}

// keyFault is what is wrong with one key of the file.
type keyFault struct {
	key []string // its path
	err error
}

// checkTable checks the section of a command, or the top level, in the order of the keys' names.
func checkTable(node *kong.Node, path []string, table map[string]any) *keyFault {
	for _, name := range sortedKeys(table) {
		key := append(slices.Clone(path), name)
		value := table[name]
		if section, ok := value.(map[string]any); ok {
			if command := childNamed(node, name); command != nil {
				if fault := checkTable(command, key, section); fault != nil {
					return fault
				}
				continue
			}
		}
		flags := flagsNamed(node, name)
		if len(flags) == 0 {
			return &keyFault{key, unknownKey(path, name)}
		}
		for _, flag := range flags {
			if err := checkValue(flag, value); err != nil {
				return &keyFault{key, fmt.Errorf("%s: %w", name, err)}
			}
		}
	}
	return nil
}

func unknownKey(path []string, name string) error {
	if len(path) == 0 {
		return fmt.Errorf("unknown key %q: there is no such flag or command", name)
	}
	return fmt.Errorf("unknown key %q in [%s]: 'dunnock %s' has no flag --%s", name, strings.Join(path, "."), strings.Join(path, " "), name)
}

func childNamed(node *kong.Node, name string) *kong.Node {
	for _, child := range node.Children {
		if child.Name == name {
			return child
		}
	}
	return nil
}

// flagsNamed returns the flags that a key stands for in the section of node: its own and those of
// the commands below and above it.
func flagsNamed(node *kong.Node, name string) []*kong.Flag {
	if name == "help" || name == "config" {
		return nil
	}
	var flags []*kong.Flag
	add := func(n *kong.Node) {
		for _, flag := range n.Flags {
			if flag.Name == name {
				flags = append(flags, flag)
			}
		}
	}
	for above := node.Parent; above != nil; above = above.Parent {
		add(above)
	}
	var below func(n *kong.Node)
	below = func(n *kong.Node) {
		add(n)
		for _, child := range n.Children {
			below(child)
		}
	}
	below(node)
	return flags
}

// checkValue says whether a flag can have a value: of the right type, and one that the flag's own
// parser takes.
func checkValue(flag *kong.Flag, value any) error {
	target := flag.Target.Type()
	if want := typeFault(target, value); want != "" {
		return fmt.Errorf("want %s, got %s", want, describeTOML(value))
	}
	trial := reflect.New(target).Elem()
	scan := kong.Scan().PushTyped(value, kong.FlagValueToken)
	if err := flag.Mapper.Decode(&kong.DecodeContext{Value: flag.Value, Scan: scan}, trial); err != nil {
		return err
	}
	if flag.Enum != "" {
		allowed := slices.DeleteFunc(flag.EnumSlice(), func(s string) bool { return s == "" })
		if s := fmt.Sprint(trial.Interface()); !slices.Contains(allowed, s) {
			return fmt.Errorf("want one of %s, got %q", strings.Join(allowed, ", "), s)
		}
	}
	return nil
}

// typeFault returns what would be right, or nothing if value is.
func typeFault(target reflect.Type, value any) string {
	if target == reflect.TypeFor[axisFlag]() {
		if _, ok := axisValues(value); ok {
			return ""
		}
		return "a value or a list of values"
	}
	if target == reflect.TypeFor[time.Duration]() {
		if s, ok := value.(string); ok {
			if _, err := time.ParseDuration(s); err == nil {
				return ""
			}
		}
		return `a duration such as "500ms" or "2s"`
	}
	ok := false
	want := "a string"
	switch target.Kind() { //nolint:exhaustive // the kinds that flags have
	case reflect.Bool:
		_, ok = value.(bool)
		want = "true or false"
	case reflect.Int, reflect.Int64, reflect.Uint64:
		_, ok = value.(int64)
		want = "a whole number"
	case reflect.Float64:
		switch value.(type) {
		case float64, int64:
			ok = true
		}
		want = "a number"
	case reflect.Slice:
		ok = isString(value) || all(value, isString)
		want = "a list of strings"
	case reflect.Map:
		if target.Elem().Kind() == reflect.Int || target.Elem().Kind() == reflect.Uint32 {
			return numbersFault(value)
		}
		ok = all(value, isString)
		want = "a table of strings"
	default:
		ok = isString(value)
	}
	if ok {
		return ""
	}
	return want
}

// numbersFault is typeFault for a table of whole numbers.
func numbersFault(value any) string {
	_, table := value.(map[string]any)
	if table && all(value, func(v any) bool { _, whole := v.(int64); return whole }) {
		return ""
	}
	return "a table of whole numbers"
}

func isString(v any) bool {
	_, ok := v.(string)
	return ok
}

// all says whether value is a list or a table and everything in it passes.
func all(value any, pass func(any) bool) bool {
	switch v := value.(type) {
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool { return !pass(e) })
	case map[string]any:
		for _, e := range v {
			if !pass(e) {
				return false
			}
		}
		return true
	default:
		return false
	}
}

func describeTOML(value any) string {
	switch v := value.(type) {
	case string:
		return fmt.Sprintf("the string %.80q", v)
	case bool:
		return strconv.FormatBool(v)
	case int64, float64:
		return fmt.Sprintf("the number %v", v)
	case []any:
		return "a list"
	case map[string]any, []map[string]any:
		return "a table"
	default:
		return "a date or time"
	}
}

// Validate makes configFile a kong.Resolver; the file has been checked when it was loaded.
func (c *configFile) Validate(*kong.Application) error { return nil }

// Resolve returns the value of a flag that the command line does not set, unless the environment
// does. The selected command's section comes before the top level.
func (c *configFile) Resolve(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Envs {
		if _, ok := os.LookupEnv(env); ok {
			return nil, nil //nolint:nilnil // how a resolver says that it knows nothing
		}
	}
	var names []string
	for n := ctx.Selected(); n != nil && n.Parent != nil; n = n.Parent {
		names = append(names, n.Name)
	}
	slices.Reverse(names)
	var found any
	table := c.values
	for i := 0; ; i++ {
		// A table under a command's name is its section, not a flag's value.
		if v, ok := table[flag.Name]; ok && (flag.Target.Kind() == reflect.Map || typeFault(flag.Target.Type(), v) == "") {
			found = v
		}
		if i == len(names) {
			return found, nil
		}
		section, ok := table[names[i]].(map[string]any)
		if !ok {
			return found, nil
		}
		table = section
	}
}
