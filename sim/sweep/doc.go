// Package sweep runs many simulations and says what they show together.
//
// A [Sweep] is a list of values for each parameter of a simulation, named as the flags of `dunnock sim run` are, and a
// number of seeds. [Sweep.Cells] is their product: a cell is one run. [Run] runs the cells on all cores and keeps each
// in a file as soon as it is finished, so that what an interruption has cost is the cells under way. [NewReport]
// gathers the cells that differ by their seed only into points with confidence intervals, and writes them as CSV, JSON,
// an SVG plot and an HTML page that needs no network. [Compare] says whether two sets of results differ by more than
// chance.
//
// Words: a parameter with more than one value is an axis; one axis is the horizontal one of the plots (x, usually
// load), one tells their curves apart (series, usually policy), and each combination of the others has a panel of its
// own.
//
// It refuses to smooth, to drop outliers and to guess: a point of one seed has no interval, except the mean response,
// whose own run gives one by batch means.
package sweep
