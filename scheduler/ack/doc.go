// Package ack decides about results on their way: when a scheduler acknowledges them to the worker that keeps them
// until then, and when a job has to wait because its clients have too many to read.
//
// A worker numbers what it reports to a scheduler. An [Account] is what the scheduler knows of one life of one worker:
// which numbers have come ([Account.Take]), which have reached who owns them ([Account.Settle]), and what the worker
// was told of that ([Account.Acked]). An acknowledgement is of all numbers up to one, so a result that nobody has yet
// holds up those behind it. It is sent for many results at once, or for much: one that is late costs the worker memory
// and nothing else. What is left over is when the caller asks for it ([Account.Rest]).
//
//	account.Take(m.Seq, len(m.Body))
//	// … the result reaches its owner …
//	if up, due := account.Settle(m.Seq); due && connected {
//		send(probe.Ack{Seq: up})
//		account.Acked(up)
//	}
//
// A [Credit] counts the bytes of one job's results that its clients were sent and have not read.
//
// The package does not know what a result is, whose it is, or whether the worker is connected.
package ack
