// Package ledger keeps the books of a run with faults: files outside the system under test to which every process
// of the run appends what it saw, one JSON object a line.
//
// Handlers write when an attempt starts and finishes, clients what they submitted and were told, and the harness which
// processes lived and which faults it made. Each line is one write to a file that was opened for appending, so a
// process that is killed leaves whole lines, and many processes can share a file. All times are of CLOCK_MONOTONIC,
// which the processes of one machine share.
package ledger
