package probe

import (
	"dunnock/internal/wire"
	"dunnock/task"
)

// Bounds of the text that a failed attempt carries, in bytes; longer text is cut.
const (
	MaxFaultMessage = 4 << 10
	MaxFaultDetail  = 8 << 10
)

// AppendFault appends the Body of a [Finished] whose Status is not [StatusOK]: why the attempt failed.
func AppendFault(b []byte, e *task.Error) []byte {
	b = wire.AppendString(b, string(e.Code))
	b = wire.AppendString(b, cut(e.Message, MaxFaultMessage))
	return wire.AppendString(b, cut(e.Detail, MaxFaultDetail))
}

// DecodeFault reads the Body of a [Finished] whose Status is not [StatusOK].
func DecodeFault(body []byte) (*task.Error, error) {
	r := wire.NewReader(body)
	e := &task.Error{Code: task.Code(r.String(task.MaxNameLen)), Message: r.String(MaxFaultMessage), Detail: r.String(MaxFaultDetail)}
	return e, r.Close()
}

// cut keeps the end of a text that is too long: the tail of an error says most.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return s[len(s)-limit:]
}
