// Package ack decides when a scheduler acknowledges the results of a worker, which keeps them until then.
//
// A worker numbers what it reports to a scheduler. An [Account] is what the scheduler knows of one life of one worker: which numbers have
// come ([Account.Take]), which have reached who owns them ([Account.Settle]), and what the worker was told of that ([Account.Acked]). An
// acknowledgement is of all numbers up to one, so a result that nobody has yet holds up those behind it. It is sent for many results at once,
// or for much: one that is late costs the worker memory and nothing else. What is left over is when the caller asks for it ([Account.Rest]).
//
//	account.Take(m.Seq, len(m.Body))
//	// … the result reaches its owner …
//	if up, due := account.Settle(m.Seq); due && connected {
//		send(probe.Ack{Seq: up})
//		account.Acked(up)
//	}
//
// It does not know what a result is, whose it is, or whether the worker is connected.
package ack
