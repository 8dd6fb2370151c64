package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"dunnock/internal/search"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"dunnock": main})
}

// The scripts run the real binary, in processes of its own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[processesKey{}] = &processes{byName: make(map[string]*background)}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start":    cmdStart,
			"ready":    cmdReady,
			"signal":   cmdSignal,
			"insist":   cmdInsist,
			"ended":    cmdEnded,
			"poll":     cmdPoll,
			"freeport": cmdFreePort,
			"tree":     cmdTree,
			"counted":  cmdCounted,

			"refused":    cmdRefused,
			"documented": cmdDocumented,
			"swallow":    cmdSwallow,
		},
	})
}

// The patience of all that waits: the machine may be busy.
const (
	pollEvery = 20 * time.Millisecond
	polls     = 6000
)

type processesKey struct{}

// processes are those that a script has in the background.
type processes struct {
	mu     sync.Mutex // guards the map
	byName map[string]*background
}

type background struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

func find(ts *testscript.TestScript, name string) *background {
	all := ts.Value(processesKey{}).(*processes)
	all.mu.Lock()
	defer all.mu.Unlock()
	b := all.byName[name]
	if b == nil {
		ts.Fatalf("no process was started as %s", name)
	}
	return b
}

// start NAME ARG… runs dunnock in the background, with its output in NAME.out and NAME.err and its id
// in $NAME_pid. The script's end kills it.
func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME ARG…")
	}
	path, err := exec.LookPath("dunnock")
	ts.Check(err)
	name := args[0]
	stdout, err := os.Create(ts.MkAbs(name + ".out"))
	ts.Check(err)
	defer stdout.Close()
	stderr, err := os.Create(ts.MkAbs(name + ".err"))
	ts.Check(err)
	defer stderr.Close()
	b := &background{cmd: exec.Command(path, args[1:]...), done: make(chan struct{})}
	b.cmd.Dir, b.cmd.Stdout, b.cmd.Stderr = ts.MkAbs("."), stdout, stderr
	b.cmd.Env = append(os.Environ(), "HOME="+ts.Getenv("HOME"))
	if url := ts.Getenv("DUNNOCK_SCHEDULER"); url != "" {
		b.cmd.Env = append(b.cmd.Env, "DUNNOCK_SCHEDULER="+url)
	}
	ts.Check(b.cmd.Start())
	ts.Setenv(name+"_pid", strconv.Itoa(b.cmd.Process.Pid))
	go func() {
		defer close(b.done)
		_ = b.cmd.Wait() // told by ProcessState
	}()
	all := ts.Value(processesKey{}).(*processes)
	all.mu.Lock()
	all.byName[name] = b
	all.mu.Unlock()
	ts.Defer(func() {
		_ = b.cmd.Process.Kill() // it may have ended
		<-b.done
		ts.Logf("%s.out:\n%s\n%s.err:\n%s", name, ts.ReadFile(name+".out"), name, ts.ReadFile(name+".err"))
	})
}

var readyLine = regexp.MustCompile(`(?m)^(?:\w+ \S+ ready http=(\S+) gossip=(\S+)|  scheduler +s1 +http://(\S+) +gossip (\S+)\n(?s:.*)Ctrl-C stops the fleet)`)

// ready NAME waits until a node says that it is ready, and sets $NAME_http and $NAME_gossip.
func cmdReady(ts *testscript.TestScript, _ bool, args []string) {
	b := find(ts, args[0])
	until(ts, "the ready line of "+args[0], func() bool {
		m := readyLine.FindStringSubmatch(ts.ReadFile(args[0] + ".out"))
		if m != nil {
			ts.Setenv(args[0]+"_http", m[1]+m[3])
			ts.Setenv(args[0]+"_gossip", m[2]+m[4])
			return true
		}
		select {
		case <-b.done:
			ts.Fatalf("%s ended: %v\n%s", args[0], b.cmd.ProcessState, ts.ReadFile(args[0]+".err"))
		default:
		}
		return false
	})
}

// signal NAME TERM|INT|KILL
func cmdSignal(ts *testscript.TestScript, _ bool, args []string) {
	s := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL}[args[1]]
	if err := find(ts, args[0]).cmd.Process.Signal(s); !errors.Is(err, os.ErrProcessDone) {
		ts.Check(err)
	}
}

// insist NAME SIGNAL sends a signal again and again, until the process has ended: signals that come close together are
// one.
func cmdInsist(ts *testscript.TestScript, _ bool, args []string) {
	b := find(ts, args[0])
	until(ts, "the end of "+args[0], func() bool {
		select {
		case <-b.done:
			return true
		default:
			cmdSignal(ts, false, args)
			return false
		}
	})
}

// ended NAME CODE waits for a process's end.
func cmdEnded(ts *testscript.TestScript, _ bool, args []string) {
	b := find(ts, args[0])
	until(ts, "the end of "+args[0], func() bool {
		select {
		case <-b.done:
			return true
		default:
			return false
		}
	})
	if got := b.cmd.ProcessState.ExitCode(); strconv.Itoa(got) != args[1] {
		ts.Fatalf("%s ended with %v, want code %s", args[0], b.cmd.ProcessState, args[1])
	}
}

// poll URL|FILE REGEXP waits until an answer, with its status in front, or a file matches.
func cmdPoll(ts *testscript.TestScript, _ bool, args []string) {
	want := regexp.MustCompile("(?m)" + args[1])
	var last string
	defer func() {
		if !want.MatchString(last) {
			ts.Logf("the last of %s was:\n%s", args[0], last)
		}
	}()
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	until(ts, fmt.Sprintf("%s to match %s", args[0], args[1]), func() bool {
		if !strings.HasPrefix(args[0], "http://") {
			last = ts.ReadFile(args[0])
			return want.MatchString(last)
		}
		resp, err := client.Get(args[0])
		if err != nil {
			last = err.Error()
			return want.MatchString(last)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		last = resp.Status + "\n" + string(body)
		return err == nil && want.MatchString(last)
	})
}

// swallow NAME ADDRESS N listens at $NAME_http, passes each request on to an address, and hangs up when the answer
// comes, for the first N of them.
func cmdSwallow(ts *testscript.TestScript, _ bool, args []string) {
	lost, err := strconv.Atoi(args[2])
	ts.Check(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0]+"_http", l.Addr().String())
	var conns sync.WaitGroup
	ts.Defer(func() { _ = l.Close(); conns.Wait() })
	conns.Go(func() {
		for ; ; lost-- {
			from, err := l.Accept()
			if err != nil {
				return
			}
			swallows := lost > 0
			conns.Go(func() {
				defer from.Close()
				to, err := net.Dial("tcp", args[1])
				if err != nil {
					return
				}
				defer to.Close()
				go func() { _, _ = io.Copy(to, from) }() // ends with from
				var first [1]byte
				if _, err := io.ReadFull(to, first[:]); err != nil || swallows {
					return
				}
				_, _ = from.Write(first[:])
				_, _ = io.Copy(from, to)
			})
		}
	})
}

// documented FILE… says that the page on reliability shows these very files.
func cmdDocumented(ts *testscript.TestScript, neg bool, args []string) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "reliability.md"))
	ts.Check(err)
	for _, name := range args {
		if strings.Contains(string(page), ts.ReadFile(name)) == neg {
			ts.Fatalf("docs/reliability.md does not show %s as it is tried here", name)
		}
	}
}

// refused CODE FILE runs each line of a file: a command line, and behind " => " what is said of it. That is one line on
// standard error, none on standard output, and the exit code. Words are parted by blanks, and those between single
// quotes are one.
func cmdRefused(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: refused CODE FILE")
	}
	path, err := exec.LookPath("dunnock")
	ts.Check(err)
	failed := false
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		command, want, found := strings.Cut(line, " => ")
		if !found {
			ts.Fatalf("%s: want COMMAND => REGEXP, got %q", args[1], line)
		}
		var out, errs bytes.Buffer
		cmd := exec.Command(path, shellWords(command)...)
		cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), append(os.Environ(), "HOME="+ts.Getenv("HOME")), &out, &errs
		_ = cmd.Run() // told by ProcessState
		said := regexp.MustCompile(`^dunnock: (?:` + want + `)\n$`)
		if code := cmd.ProcessState.ExitCode(); strconv.Itoa(code) != args[0] || out.Len() > 0 || !said.MatchString(errs.String()) {
			failed = true
			ts.Logf("dunnock %s\n  code %d, want %s\n  stdout %q\n  stderr %q\n  want   %s", command, code, args[0], out.String(), errs.String(), want)
		}
	}
	if failed {
		ts.Fatalf("not all of %s is refused as it is to be", args[1])
	}
}

// shellWords parts a line at its blanks, but for those between single quotes.
func shellWords(line string) (words []string) {
	var word strings.Builder
	quoted, begun := false, false
	for _, r := range line + " " {
		switch {
		case r == '\'':
			quoted, begun = !quoted, true
		case r == ' ' && !quoted:
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	return words
}

func until(ts *testscript.TestScript, what string, done func() bool) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for range polls {
		if done() {
			return
		}
		<-tick.C
	}
	ts.Fatalf("waited in vain for %s", what)
}

// freeport VAR… sets variables to loopback addresses that are free for TCP and UDP, below the ports that systems
// hand out by themselves.
func cmdFreePort(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		ts.Setenv(name, freeAddress(ts))
	}
}

func freeAddress(ts *testscript.TestScript) string {
	for range 100 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(20000+rand.IntN(10000)))
		tcp, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		udp, err := net.ListenPacket("udp", addr)
		_ = tcp.Close()
		if err != nil {
			continue
		}
		_ = udp.Close()
		return addr
	}
	ts.Fatalf("no free port")
	return ""
}

// tree DIR makes files of many kinds: long and empty, with and without a last line end, text and bytes.
func cmdTree(ts *testscript.TestScript, _ bool, args []string) {
	rng := rand.New(rand.NewPCG(7, 7))
	words := strings.Fields("needle hay straw return func import x yy zzz Needle \x00\xff ä")
	line := func(b *bytes.Buffer) {
		for range rng.IntN(12) {
			b.WriteString(words[rng.IntN(len(words))])
			b.WriteByte(' ')
		}
	}
	write := func(name string, lines int, end string) {
		path := filepath.Join(ts.MkAbs(args[0]), name)
		ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
		var b bytes.Buffer
		for i := range lines {
			if i > 0 {
				b.WriteString(end)
			}
			line(&b)
		}
		ts.Check(os.WriteFile(path, b.Bytes(), 0o644))
	}
	for i := range 150 {
		write(fmt.Sprintf("d%d/f%03d.txt", i%7, i), rng.IntN(60), "\n")
	}
	write("large", 90_000, "\n") // several ranges
	write("windows.txt", 300, "\r\n")
	write(".hidden/.file", 50, "\n")
	write("a name with blanks", 50, "\n")
	write("empty", 0, "\n")
	ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[0]), "long line"), bytes.Repeat([]byte("needle"), 500_000), 0o644))
}

// counted FILE RE DIR compares what demo has printed with a count of one file after another.
func cmdCounted(ts *testscript.TestScript, _ bool, args []string) {
	found, err := search.Count([]string{ts.MkAbs(args[2])}, regexp.MustCompile(args[1]))
	ts.Check(err)
	var want strings.Builder
	total := int64(0)
	for _, f := range found {
		fmt.Fprintf(&want, "%s: %d\n", strings.TrimPrefix(f.Path, ts.MkAbs(".")+"/"), f.Lines)
		total += f.Lines
	}
	fmt.Fprintf(&want, "total: %d\n", total)
	if len(found) < 100 {
		ts.Fatalf("only %d files have matches; the comparison would say little", len(found))
	}
	got, err := upTo(strings.NewReader(ts.ReadFile(args[0])), "total: ")
	ts.Check(err)
	if got != want.String() {
		ts.Fatalf("demo counted otherwise than a plain count.\ngot:\n%s\nwant:\n%s", got, want.String())
	}
}

// upTo returns the lines up to the first that begins so, with it.
func upTo(r io.Reader, prefix string) (string, error) {
	var b strings.Builder
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		b.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), prefix) {
			return b.String(), nil
		}
	}
	return "", errors.Join(lines.Err(), fmt.Errorf("no line begins with %q", prefix))
}
