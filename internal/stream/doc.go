// Package stream is the fleet connection: one long-lived connection between two processes, opened by an HTTP/1.1
// Upgrade on the port that speaks HTTP anyway, that carries small binary messages both ways. A scheduler has one to
// each worker, a client one to its scheduler.
//
// Bytes cost nearly nothing; system calls and wake-ups cost everything. So nothing is done per message that can be done
// per read or per write: no goroutine, no channel, no allocation, no clock. What was read is handled inline in the
// reader, answers are appended to a buffer, and the buffer is written once.
//
// # Frame
//
// All integers are little-endian.
//
//	 0       1       2       3       4
//	┌───────┬───────┬───────┬───────┬─────────────────────────┐
//	│ length of body│version│ kind  │ body, 0 to 65532 bytes  │
//	└───────┴───────┴───────┴───────┴─────────────────────────┘
//
//	kind 0x00–0xEF  a message; its meaning is the users' business
//	kind 0xF0       beat: how many direct and how many queued messages its sender has processed, 8 bytes each
//	kind 0xF1       first chunk: kind (1) and size (4) of the message, and its first bytes
//	kind 0xF2       next chunk: the bytes that follow
//
// The version is that of package probe; another one ends the connection with [ErrVersion]. A message over [MaxBody]
// travels in chunks of at most 16 KiB between which other frames find their way, one such message after the other: a
// receiver reassembles one at a time and holds at most [Config.MaxMessageBytes] for it. (Several at once would need as
// many times the memory, and finish each later.)
//
// # Order
//
// A message that fits one frame goes directly, and nothing overtakes it. A larger one is queued and goes in chunks;
// queued messages keep their order, but later direct ones overtake them. What [Conn.SendAfter] sends overtakes nothing:
// while any message is queued, it is queued as well and goes as a chunk of its own, however small.
//
// # Marks
//
// Sending a message returns a [Mark], and [Conn.Passed] tells of it whether the peer has processed the message. Both
// sides count messages by class, direct and queued, a beat carries how many of either its sender has processed, and a
// mark is a class and a number, so that keeping one costs 8 bytes and nothing else. A beat comes every
// [Config.BeatInterval], and also once 256 messages or a MiB have been processed since the last, or half of that if
// something else is sent anyway: what has not passed is bounded by that under load, and by time otherwise. The place to
// look is [Handler.Flush]. Marks in the order of their messages pass in that order within a class, but not across the
// two.
//
// # Rules for users
//
//   - [Handler.Message] runs in the reader and must not block. Copy what you keep, unless
//     [Conn.Owned]. Start a goroutine only for user code.
//   - To answer, append with [Conn.Begin] and [Conn.End], or [Conn.Send], to any connection, and note the
//     connection in a [Batch]; flush the batch in [Handler.Flush], which comes when all that had been
//     read has been handled. Where many connections are read, their readers share a [Gather] for that.
//   - A goroutine that runs user code sends and calls [Conn.FlushSoon].
//   - Between Begin and End the connection's output is locked: only encode. Nothing else here is held
//     while your code runs, and nothing here ever waits for a peer, so all but Run
//     may be called with locks held.
//   - A peer that does not read is cut off ([ErrSlowReader]), so a job's results need a
//     credit window of their own to be bounded by less than [Config.MaxOutBytes].
//   - To say something last, send it and call Close(nil), which delivers it; an error returned by Message cuts
//     off at once.
//   - Run ends when the connection does; redial, void or adopt there. What was sent and has not passed
//     may have been processed or not.
//   - A process that was stopped and goes on finds in its buffers what was sent to it before others gave it
//     up. Ask a [Watch] before you handle anything, if that matters to you.
//
// # Life
//
// Either side sends a beat every [Config.BeatInterval]; a peer that says nothing for [Config.Lease] is given up.
// Silence counts only if we would have heard the peer: not while our own handler runs, not while bytes lie unread in
// the socket, and not while this process was paused, which a timer that fires more than one beat late gives away. That
// a peer may have given us up meanwhile is for the users to find out, with a [Watch].
//
// [Conn.Run] owns three goroutines: the reader; the writer, which makes the writes that would block and those that
// FlushSoon asks for; and the pulse, a timer, on which it was called. An idle connection costs below 32 KiB with all of
// them.
//
// The package works over anything that is a [net.Conn]; over TCP and Unix sockets on Linux, Flush writes directly from
// the calling goroutine. In memory it uses only what testing/synctest understands. It knows no message: packages probe
// and internal/submission have them.
package stream
