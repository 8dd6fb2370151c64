// Package uplot is the chart library uPlot 1.6.32 (https://github.com/leeoniya/uPlot, MIT; its licence lies beside this
// file), as the npm package of that version has it in dist, for pages that must work without a network.
package uplot

import _ "embed" // the files below

// Script is the library: it defines the global uPlot.
//
//go:embed uPlot.iife.min.js
var Script string

// Style is its style sheet.
//
//go:embed uPlot.min.css
var Style string

// License is what whoever passes the library on has to pass on too.
//
//go:embed LICENSE
var License string
