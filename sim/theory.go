package sim

import "math"

// erlangC returns the probability that an arrival has to wait in M/M/c with c servers at utilisation ρ < 1.
func erlangC(c int, rho float64) float64 {
	// The blocking probability of Erlang B by its recursion, which neither overflows nor cancels.
	offered, blocked := rho*float64(c), 1.0
	for k := 1; k <= c; k++ {
		blocked = offered * blocked / (float64(k) + offered*blocked)
	}
	return blocked / (1 - rho*(1-blocked))
}

// waitMMC returns the mean wait in M/M/c, in units of the mean service time.
func waitMMC(c int, rho float64) float64 {
	return erlangC(c, rho) / (float64(c) * (1 - rho))
}

// tailOfD returns the fraction of queues that hold at least k ≥ 1 when each arrival takes the shortest of d ≥ 2 random
// ones, in a large fleet of single slots (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001).
func tailOfD(d, k int, rho float64) float64 {
	return math.Pow(rho, (math.Pow(float64(d), float64(k))-1)/float64(d-1))
}

// responseOfD returns the mean response there, in units of the mean service time: the sum of the tails over ρ, by
// Little's law.
func responseOfD(d int, rho float64) float64 {
	sum := 0.0
	for k := 1; k < 40; k++ {
		sum += tailOfD(d, k, rho)
	}
	return sum / rho
}
