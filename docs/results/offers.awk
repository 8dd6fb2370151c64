# The table of a sweep over idle offers, from its results.csv: mean response in ms (99th percentile), messages a task, and the share of the
# excess of late binding without cancellation over the omniscient scheduler; all of them means over seeds. With -v worse=1: only cells where
# idle offers have a higher 99th percentile than late binding (by more than 0.1 %, what a histogram tells apart), or more messages.
#
#     awk -f docs/results/offers.awk docs/results/offers-targets/results.csv
BEGIN { FS = "," }
{ # services have commas, and are quoted
	while (match($0, /"[^"]*"/)) {
		quoted = substr($0, RSTART + 1, RLENGTH - 2)
		gsub(",", ";", quoted)
		$0 = substr($0, 1, RSTART - 1) quoted substr($0, RSTART + RLENGTH)
	}
}
NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
{
	cell = get("service", "const:100ms") SUBSEP get("tasks", "10") SUBSEP $column["load"] SUBSEP $column["schedulers"]
	if (!(cell in seen)) { seen[cell] = 1; order[++cells] = cell }
	run = cell SUBSEP $column["policy"]
	n[run]++
	mean[run] += $column["response_mean_ms"]; p99[run] += $column["response_p99_ms"]; messages[run] += $column["messages_per_task"]
}
END {
	print "| service | tasks a job | load | schedulers | omniscient | late binding | idle offers | share |"
	print "|---|---|---|---|---|---|---|---|"
	for (i = 1; i <= cells; i++) {
		split(order[i], at, SUBSEP)
		ideal = order[i] SUBSEP "ideal"; nocancel = order[i] SUBSEP "late-binding-nocancel"
		late = order[i] SUBSEP "late-binding"; offers = order[i] SUBSEP "idle-offer"
		higher = p99[offers] > 1.001 * p99[late] || messages[offers] > messages[late]
		if (worse && !higher) continue
		worst += higher
		gsub(";", ",", at[1])
		excess = mean[nocancel] - mean[ideal]
		share = excess > 0.0005 * mean[ideal] ? sprintf("%.3f", (mean[offers] - mean[ideal]) / excess) : "–"
		printf "| %s | %s | %s | %s | %.1f (%.1f) | %s | %s | %s |\n", at[1], at[2], at[3], at[4], mean[ideal] / n[ideal], p99[ideal] / n[ideal], told(late), told(offers), share
	}
	printf "\n%d of %d cells have a higher 99th percentile or more messages than under late binding.\n", worst, cells
}
function get(name, otherwise) { return name in column ? $column[name] : otherwise }
function told(run) { return sprintf("%.1f (%.1f), %.2f", mean[run] / n[run], p99[run] / n[run], messages[run] / n[run]) }
