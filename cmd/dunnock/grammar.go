package main

import (
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
)

// cli is the command line. Common flags come first; each command is in a file of its own.
type cli struct {
	Config    string `group:"common" help:"TOML file with values for flags: top-level keys for every command that has the flag, a section such as [worker] for one." placeholder:"FILE"`
	LogLevel  string `group:"common" help:"Least level to log on standard error: debug, info, warn or error (default: info for scheduler and worker, warn for the rest)." enum:",debug,info,warn,error" default:"" placeholder:"LEVEL"`
	LogFormat string `group:"common" help:"Format of log lines: text or json." enum:"text,json" default:"text" placeholder:"FORMAT"`

	Dev        devCmd        `cmd:"" group:"fleet" help:"Run a whole fleet in this process until Ctrl-C."`
	Demo       demoCmd       `cmd:"" group:"fleet" help:"Start a fleet, search files with it, show where the time went."`
	Scheduler  schedulerCmd  `cmd:"" group:"fleet" help:"Run one scheduler."`
	Worker     workerCmd     `cmd:"" group:"fleet" help:"Run one worker."`
	Submit     submitCmd     `cmd:"" group:"use" help:"Submit a job and print its results."`
	Jobs       jobsCmd       `cmd:"" group:"use" help:"List jobs."`
	Job        jobCmd        `cmd:"" group:"use" help:"Show one job with its tasks."`
	Cancel     cancelCmd     `cmd:"" group:"use" help:"Cancel a job."`
	Workers    workersCmd    `cmd:"" group:"use" help:"List workers and their load."`
	Status     statusCmd     `cmd:"" group:"use" help:"Sum up the fleet."`
	Drain      drainCmd      `cmd:"" group:"use" help:"Make a node leave once its work is done."`
	Loadgen    loadgenCmd    `cmd:"" group:"use" help:"Put load on a fleet and measure it."`
	Sim        simCmd        `cmd:"" group:"use" help:"Simulate fleets and placement policies."`
	Keygen     keygenCmd     `cmd:"" group:"rest" help:"Print a new gossip key."`
	Completion completionCmd `cmd:"" group:"rest" help:"Print a completion script for a shell."`
	Version    versionCmd    `cmd:"" group:"rest" help:"Print the version."`
}

const description = `Dunnock places the sub-second tasks of interactive jobs on a fleet of workers, through any number of schedulers and no master.

Every flag can also be set by an environment variable, DUNNOCK_ and its name (DUNNOCK_LOG_LEVEL), or in the --config file. Flags win over the environment, that over the file.`

// newParser builds the command line.
func newParser(c *cli, p *process) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("dunnock"),
		kong.Description(description),
		kong.Writers(p.stdout, p.stderr),
		kong.Bind(p),
		kong.Vars{
			"cpus":             strconv.Itoa(runtime.NumCPU()),
			"jobs_default":     "4000, unless there is a duration, stages or a workload", // of a workload; loadgen run has its own
			"duration_default": "never",
		},
		kong.DefaultEnvars("DUNNOCK"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100, FlagsLast: true}),
		kong.ValueFormatter(describeValue),
		kong.ExplicitGroups([]kong.Group{
			{Key: "fleet", Title: "Run a fleet:"},
			{Key: "use", Title: "Use one:"},
			{Key: "rest", Title: "And:"},
			{Key: "discipline", Title: "Whose turn it is:"},
			{Key: "leases", Title: "Leases, and what outlives them (docs/reliability.md):"},
			{Key: "limits", Title: "Limits:"},
			{Key: "faults", Title: "Faults, to see what they cost (whether promises are kept is checked by `dunnock sim check --faults`):"},
			{Key: "common", Title: "Common flags:"},
		}),
	)
}

// describeValue adds the default to a flag's help.
func describeValue(v *kong.Value) string {
	help := v.Help
	if v.HasDefault && v.Default != "" && !v.IsBool() {
		help = strings.TrimSuffix(help, ".") + " (default: " + v.Default + ")."
	}
	return help
}

// BeforeResolve reads the configuration file, so that flags that nobody has set find their values there.
func (c *cli) BeforeResolve(ctx *kong.Context) error {
	path := configPath(ctx)
	if path == "" {
		return nil
	}
	file, err := loadConfig(path, ctx.Model)
	if err != nil {
		return usage(err)
	}
	ctx.AddResolver(file)
	return nil
}

// logger makes the logger that the flags describe. Daemons tell more than commands that have a
// result to show.
func (c *cli) logger(command *kong.Node, w io.Writer) (*slog.Logger, error) {
	name := c.LogLevel
	if name == "" {
		name = "warn"
		if command != nil && (command.Name == "scheduler" || command.Name == "worker") {
			name = "info"
		}
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(name)); err != nil {
		return nil, fmt.Errorf("--log-level: %w", err)
	}
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return slog.New(slog.NewTextHandler(w, options)), nil
}
