package main

const placeStated = "scheduler/placement/stated.go"

// ofEstimates are the protections of those whose slots are asked for ahead because of what jobs state.
func ofEstimates() []mutant {
	return []mutant{
		{name: "estimates: a word is not believed before it has proved right", file: placePredict, old: "if j.statement.settled { //", new: "if true { //", tests: true},
		{name: "estimates: nor once it was wrong too often", file: placeStated, old: "s.miss(weightOf(d, s.mean))", new: "s.hit()", tests: true},
		{name: "estimates: what was wrong counts as long as it took", file: placeStated, old: "s.miss(weightOf(d, s.mean))", new: "s.miss(1)", tests: true},
		{name: "estimates: what ended sooner counts once", file: placeStated, old: "s.miss(1)", new: "s.miss(mostWeight)", tests: true},
		{name: "estimates: and it counts", file: placeStated, old: "s.miss(1)", new: "s.hit()", tests: true},
		{name: "estimates: nor while too much runs that should have ended", file: placeStated, old: "s.odd+oddOf(now, s.late, s.mean) > oddMost", new: "false", tests: true},
		{name: "estimates: what has ended is not late", file: placeStated, old: "s.late = c.stillRun(s.late); ", new: "", tests: true},
		{name: "estimates: what is late first is looked at first", file: placeStated, old: "x.promises[i].due < x.promises[(i-1)/2].due", new: "false", tests: true},
		{name: "estimates: one user's word is not another's", file: placeStated, old: "_, _ = d.WriteString(s.User)", new: "", tests: true},
		{name: "estimates: nor what it is in another app", file: placeStated, old: "_, _ = d.WriteString(s.App)", new: "", tests: true},
		{name: "estimates: promises that were kept are forgotten", file: placeStated, old: "if len(x.promises) > 4*c.load.Running+minAlike {", new: "if false {", tests: true},
		{name: "estimates: services that were told do not count among the others", file: placePredict, old: "f.told += (odds - f.told) / toldWindow\n\t\treturn", new: "f.told += (odds - f.told) / toldWindow", tests: true},
		{name: "estimates: where services are told there are no reservations", file: placePredict, old: "f.varied && !f.settled && !f.tells(now)", new: "f.varied && !f.settled", by: "./sim", tests: true},
		{name: "estimates: schedulers agree whether there are", file: placePredict, old: "f.told >= toldLeast && f.wanted > 0 && now-f.wanted < minNetWait", new: "false", tests: true},
		{name: "estimates: who waits for a slot that runs something long is not passed over", file: placeCovered, old: "usual = f.long", new: "_ = usual", by: "./sim", tests: true},
		{name: "estimates: what is known of apps is bounded", file: placeBrief, old: "if len(x.forecasts) >= maxForecasts {", new: "if false {", tests: true},
	}
}
