package submission

import (
	"maps"
	"math"
	"slices"

	"dunnock/internal/wire"
	"dunnock/task"
)

// A job is encoded in two parts: what may differ from one of its submissions to the next, and what does not, which a
// client that hands a large job on encodes once.

// maxName bounds names, paths, labels and keys while they are decoded. [task.Job.Validate] has the bounds that users
// are told of.
const maxName = 1 << 10

// Bits that say which optional parts of a task follow.
const (
	taskHasRequire = 1 << iota
	taskHasAffinity
	taskHasPrefer
	taskHasExclude
	taskHasNeed
	taskBits = taskHasNeed<<1 - 1
)

// AppendSubmit appends the encoding of a job.
func AppendSubmit(b []byte, seq uint32, j *task.Job) []byte {
	return AppendJob(AppendSubmitHead(b, seq, j), j)
}

// AppendSubmitHead appends what differs from one submission of a job to the next: its number, Epoch, Deadline, Finished
// and Attempts. [AppendJob]'s bytes must follow and end the message.
func AppendSubmitHead(b []byte, seq uint32, j *task.Job) []byte {
	b = wire.AppendUint(b, uint64(seq))
	b = wire.AppendUint(b, uint64(j.Epoch))
	b = wire.AppendDuration(b, j.Deadline)
	b = wire.AppendBytes(b, j.Finished)
	b = wire.AppendUint(b, uint64(len(j.Attempts)))
	for _, a := range j.Attempts {
		b = wire.AppendUint(b, uint64(a.Task))
		b = wire.AppendUint(b, uint64(a.Failed))
	}
	return b
}

// AppendJob appends what is the same in every submission of a job, payloads included.
func AppendJob(b []byte, j *task.Job) []byte {
	b = append(b, j.ID[:]...)
	b = wire.AppendString(b, j.App)
	b = wire.AppendString(b, j.User)
	b = wire.AppendInt(b, int64(max(math.MinInt32, min(math.MaxInt32, j.Priority))))
	b = wire.AppendUint(b, math.Float64bits(j.ProbeRatio))
	b = wire.AppendDuration(b, j.TaskTimeout)
	b = wire.AppendDuration(b, j.Estimate)
	b = wire.AppendUint(b, uint64(max(j.MaxAttempts, 0)))
	b = wire.AppendUint(b, uint64(j.Delivery))
	b = wire.AppendUint(b, uint64(j.OnFailure))
	b = wire.AppendUint(b, uint64(j.OnDisconnect))
	b = appendLabels(b, j.Require)
	b = appendLabels(b, j.Prefer)
	b = appendList(b, j.Exclude)
	b = wire.AppendString(b, j.Spread)
	b = appendNeed(b, j.Slots, j.Resources)
	b = wire.AppendUint(b, uint64(len(j.Tasks)))
	for i := range j.Tasks {
		b = appendTask(b, &j.Tasks[i])
	}
	return b
}

func appendTask(b []byte, t *task.Task) []byte {
	var bits uint64
	if len(t.Require) > 0 {
		bits |= taskHasRequire
	}
	if t.Affinity != "" {
		bits |= taskHasAffinity
	}
	if len(t.Prefer) > 0 {
		bits |= taskHasPrefer
	}
	if len(t.Exclude) > 0 {
		bits |= taskHasExclude
	}
	if t.Slots > 0 || len(t.Resources) > 0 {
		bits |= taskHasNeed
	}
	b = wire.AppendUint(b, bits)
	b = wire.AppendBytes(b, t.Payload)
	if bits&taskHasRequire != 0 {
		b = appendLabels(b, t.Require)
	}
	if bits&taskHasAffinity != 0 {
		b = wire.AppendString(b, t.Affinity)
	}
	if bits&taskHasPrefer != 0 {
		b = appendLabels(b, t.Prefer)
	}
	if bits&taskHasExclude != 0 {
		b = appendList(b, t.Exclude)
	}
	if bits&taskHasNeed != 0 {
		b = appendNeed(b, t.Slots, t.Resources)
	}
	return b
}

// DecodeSubmit reads a job. Payloads and the Finished bitmap alias body. It checks what
// decoding needs, not what [task.Job.Validate] does. If the body is malformed behind its
// first field, Seq is still what it was, so that the rejection can name it.
func DecodeSubmit(body []byte, l task.Limits) (Submit, error) { return new(Decoder).Submit(body, l) }

// Decoder reads the jobs of one client, which are much alike. The zero Decoder is ready.
type Decoder struct {
	app, user string // of the last job
	one       [1]task.Task
}

// same reads a string that was the same the last time, mostly.
func same(r *wire.Reader, last *string) string {
	b := r.Bytes(maxName)
	if string(b) != *last {
		*last = string(b)
	}
	return *last
}

// Submit is [DecodeSubmit], but the Tasks of a job of one task are memory of the Decoder's: copy what you keep before
// the next call.
func (d *Decoder) Submit(body []byte, l task.Limits) (Submit, error) {
	r := wire.NewReader(body)
	m := Submit{Seq: r.Uint32()}
	j := &m.Job
	j.Epoch, j.Deadline = r.Uint32(), r.Duration()
	j.Finished = r.Bytes(r.Len())
	j.Attempts = readAttempts(&r)
	r.Fixed(j.ID[:])
	j.App = same(&r, &d.app)
	j.User = same(&r, &d.user)
	j.Priority = int(r.Int32())
	j.ProbeRatio = math.Float64frombits(r.Uint64())
	j.TaskTimeout = r.Duration()
	j.Estimate = r.Duration()
	j.MaxAttempts = int(r.Uint32())
	j.Delivery, j.OnFailure = task.Delivery(r.Uint8()), task.OnFailure(r.Uint8())
	j.OnDisconnect = task.OnDisconnect(r.Uint8())
	j.Require, j.Prefer = readLabels(&r), readLabels(&r)
	j.Exclude, j.Spread = readList(&r), r.String(maxName)
	j.Slots, j.Resources = readNeed(&r)
	n := r.Uint64()
	if n > uint64(l.MaxTasks) {
		return m, task.Errorf(task.CodeTooLarge, "tasks: at most %d tasks a job, got %d", l.MaxTasks, n)
	}
	if n > uint64(r.Len()) { // a task takes at least two bytes
		return m, wire.ErrMalformed
	}
	if n == 1 {
		d.one[0] = task.Task{}
		j.Tasks = d.one[:]
	} else {
		j.Tasks = make([]task.Task, n)
	}
	for i := range j.Tasks {
		readTask(&r, &j.Tasks[i])
	}
	return m, r.Close()
}

func readAttempts(r *wire.Reader) []task.Attempts {
	n := r.Uint(uint64(r.Len()) / 2) // each takes at least two bytes
	if n == 0 {
		return nil
	}
	list := make([]task.Attempts, n)
	for i := range list {
		list[i] = task.Attempts{Task: int(r.Uint(math.MaxInt32)), Failed: int(r.Uint(math.MaxInt32))}
	}
	return list
}

func readTask(r *wire.Reader, t *task.Task) {
	bits := r.Uint(taskBits)
	t.Payload = r.Bytes(r.Len())
	if bits&taskHasRequire != 0 {
		t.Require = readLabels(r)
	}
	if bits&taskHasAffinity != 0 {
		t.Affinity = r.String(maxName)
	}
	if bits&taskHasPrefer != 0 {
		t.Prefer = readLabels(r)
	}
	if bits&taskHasExclude != 0 {
		t.Exclude = readList(r)
	}
	if bits&taskHasNeed != 0 {
		t.Slots, t.Resources = readNeed(r)
	}
}

func appendLabels(b []byte, labels map[string]string) []byte {
	b = wire.AppendUint(b, uint64(len(labels)))
	if len(labels) == 0 {
		return b
	}
	keys := make([]string, 0, len(labels))
	for k := range labels {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		b = wire.AppendString(b, k)
		b = wire.AppendString(b, labels[k])
	}
	return b
}

func readLabels(r *wire.Reader) map[string]string {
	n := r.Uint(task.MaxLabels)
	if n == 0 {
		return nil
	}
	labels := make(map[string]string, n)
	for range n {
		k := r.String(maxName)
		labels[k] = r.String(maxName)
	}
	return labels
}

func appendNeed(b []byte, slots int, resources map[string]uint32) []byte {
	b = wire.AppendUint(b, uint64(max(slots, 0)))
	b = wire.AppendUint(b, uint64(len(resources)))
	if len(resources) == 0 {
		return b
	}
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		b = wire.AppendString(b, name)
		b = wire.AppendUint(b, uint64(resources[name]))
	}
	return b
}

func readNeed(r *wire.Reader) (slots int, resources map[string]uint32) {
	slots = int(r.Uint(math.MaxInt32))
	n := r.Uint(task.MaxLabels)
	if n == 0 {
		return slots, nil
	}
	resources = make(map[string]uint32, n)
	for range n {
		name := r.String(maxName)
		resources[name] = r.Uint32()
	}
	return slots, resources
}

func appendList(b []byte, list []string) []byte {
	b = wire.AppendUint(b, uint64(len(list)))
	for _, s := range list {
		b = wire.AppendString(b, s)
	}
	return b
}

func readList(r *wire.Reader) []string {
	n := r.Uint(task.MaxLabels)
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = r.String(maxName)
	}
	return list
}
