// Package alarm wakes a goroutine on time when nothing else runs in the process, where package time is 0.5 to 1 ms
// late: the runtime waits for its next timer in epoll_wait, whose timeout is in whole milliseconds. A [Clock] is a
// timer of the kernel (timerfd) that this very wait is interrupted by. It is an addition to Go's timers and no
// substitute: while goroutines do run, theirs are the precise ones, and the poller is looked at every 10 ms only.
//
// It decides nothing about who sleeps and how long.
package alarm
