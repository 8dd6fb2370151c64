package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is shown above the flags.
func (*completionCmd) Help() string {
	return `Examples:

    source <(dunnock completion bash)
    dunnock completion zsh >"${fpath[1]}/_dunnock"
    dunnock completion fish >~/.config/fish/completions/dunnock.fish`
}

// Run prints a script. The scripts are made from the command line's own model, so they cannot fall behind it.
func (c *completionCmd) Run(p *process, ctx *kong.Context) error {
	commands := completions(ctx.Model.Node)
	switch c.Shell {
	case "bash":
		return bashCompletion(p.stdout, commands)
	case "zsh":
		return zshCompletion(p.stdout, commands)
	default:
		return fishCompletion(p.stdout, commands)
	}
}

// completed is one command as completions know it.
type completed struct {
	name, help string
	flags      []completedFlag
}

type completedFlag struct {
	name, help string
	value      bool     // it takes one
	words      []string // that the value can be
}

func completions(root *kong.Node) []completed {
	commands := make([]completed, 0, len(root.Children))
	for _, node := range root.Children {
		c := completed{name: node.Name, help: node.Help}
		for _, flag := range append(node.Flags, root.Flags...) {
			f := completedFlag{name: flag.Name, help: flag.Help, value: !flag.IsBool()}
			for _, word := range flag.EnumSlice() {
				if word != "" {
					f.words = append(f.words, word)
				}
			}
			c.flags = append(c.flags, f)
		}
		commands = append(commands, c)
	}
	return commands
}

// firstSentence is help without its details and defaults.
func firstSentence(help string) string {
	help, _, _ = strings.Cut(help, " (default")
	help, _, _ = strings.Cut(help, ". ")
	help, _, _ = strings.Cut(help, "; ")
	return strings.TrimSuffix(help, ".")
}

func bashCompletion(w io.Writer, commands []completed) error {
	var b strings.Builder
	b.WriteString("# bash completion for dunnock\n_dunnock() {\n  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd= i words=\n" +
		"  for ((i = 1; i < COMP_CWORD; i++)); do\n    case ${COMP_WORDS[i]} in\n")
	names := make([]string, 0, len(commands))
	for _, c := range commands {
		names = append(names, c.name)
	}
	fmt.Fprintf(&b, "      %s) cmd=${COMP_WORDS[i]}; break ;;\n    esac\n  done\n  case $cmd:$prev in\n", strings.Join(names, "|"))
	for _, c := range commands {
		for _, f := range c.flags {
			switch {
			case len(f.words) > 0:
				fmt.Fprintf(&b, "    %s:--%s) COMPREPLY=($(compgen -W %s -- \"$cur\")); return ;;\n", c.name, f.name, shellQuote(strings.Join(f.words, " ")))
			case f.value:
				fmt.Fprintf(&b, "    %s:--%s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", c.name, f.name)
			}
		}
	}
	fmt.Fprintf(&b, "  esac\n  case $cmd in\n    '') words=%s ;;\n", shellQuote(strings.Join(names, " ")+" --help"))
	for _, c := range commands {
		words := make([]string, 0, len(c.flags))
		for _, f := range c.flags {
			words = append(words, "--"+f.name)
		}
		if c.name == "completion" {
			words = append(words, "bash", "zsh", "fish")
		}
		fmt.Fprintf(&b, "    %s) words=%s ;;\n", c.name, shellQuote(strings.Join(words, " ")))
	}
	b.WriteString("  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n" +
		"  if [[ $cmd == demo && $cur != -* ]]; then COMPREPLY=($(compgen -f -- \"$cur\")); fi\n}\ncomplete -o filenames -F _dunnock dunnock\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func zshCompletion(w io.Writer, commands []completed) error {
	var b strings.Builder
	b.WriteString("#compdef dunnock\n_dunnock() {\n  local state\n  local -a commands\n  commands=(\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "    %s\n", shellQuote(c.name+":"+strings.ReplaceAll(firstSentence(c.help), ":", `\:`)))
	}
	b.WriteString("  )\n  _arguments -C '1: :->command' '*:: :->rest'\n  case $state in\n    command) _describe command commands ;;\n    rest)\n      case $words[1] in\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "        %s) _arguments", c.name)
		for _, f := range c.flags {
			help := strings.NewReplacer("[", "(", "]", ")", ":", `\:`).Replace(firstSentence(f.help))
			switch {
			case len(f.words) > 0:
				fmt.Fprintf(&b, " %s", shellQuote("*--"+f.name+"["+help+"]:value:("+strings.Join(f.words, " ")+")"))
			case f.value:
				fmt.Fprintf(&b, " %s", shellQuote("*--"+f.name+"["+help+"]:value:_files"))
			default:
				fmt.Fprintf(&b, " %s", shellQuote("--"+f.name+"["+help+"]"))
			}
		}
		switch c.name {
		case "completion":
			b.WriteString(" '1:shell:(bash zsh fish)'")
		case "demo":
			b.WriteString(" '*:path:_files'")
		}
		b.WriteString(" ;;\n")
	}
	b.WriteString("      esac ;;\n  esac\n}\nif [ \"$funcstack[1]\" = _dunnock ]; then _dunnock \"$@\"; else compdef _dunnock dunnock; fi\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func fishCompletion(w io.Writer, commands []completed) error {
	var b strings.Builder
	b.WriteString("# fish completion for dunnock\ncomplete -c dunnock -f\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "complete -c dunnock -n __fish_use_subcommand -a %s -d %s\n", c.name, shellQuote(firstSentence(c.help)))
		seen := "__fish_seen_subcommand_from " + c.name
		for _, f := range c.flags {
			fmt.Fprintf(&b, "complete -c dunnock -n %s -l %s -d %s", shellQuote(seen), f.name, shellQuote(firstSentence(f.help)))
			switch {
			case len(f.words) > 0:
				fmt.Fprintf(&b, " -x -a %s", shellQuote(strings.Join(f.words, " ")))
			case f.value:
				b.WriteString(" -r -F")
			}
			b.WriteByte('\n')
		}
		switch c.name {
		case "completion":
			fmt.Fprintf(&b, "complete -c dunnock -n %s -a 'bash zsh fish'\n", shellQuote(seen))
		case "demo":
			fmt.Fprintf(&b, "complete -c dunnock -n %s -F\n", shellQuote(seen))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// shellQuote quotes s for bash, zsh and fish, none of which has a quote in its text.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
