package workload

import "math"

// numberFault says what is wrong with a number.
type numberFault uint8

const (
	numberMalformed numberFault = iota + 1
	numberNegative
	numberHuge
)

// maxNumber bounds every time in a file, before it is scaled.
const maxNumber = uint64(MaxAt)

// reason completes "want a number …" for an error.
func (f numberFault) reason(token []byte) string {
	switch f {
	case numberMalformed:
		return "want a number, got " + quote(string(token))
	case numberNegative:
		return "is negative: " + quote(string(token))
	case numberHuge:
		return "is more than " + MaxAt.String() + ": " + quote(string(token))
	}
	return ""
}

// scanDecimal reads the decimal number at the start of b and returns it times 10^shift, rounded half up, and how many
// bytes it takes. No float comes between, so a number of nanoseconds written out comes back as it was. The grammar is
// that of JSON; loose also takes a plus sign, leading zeros and a bare point, as other programs print them.
func scanDecimal(b []byte, shift int, loose bool) (v int64, n int, fault numberFault) {
	m, n, ok := scanMantissa(b, loose)
	if !ok {
		return 0, 0, numberMalformed
	}
	exponent, used, ok := scanExponent(b[n:])
	if !ok {
		return 0, 0, numberMalformed
	}
	n += used
	if m.digits == 0 {
		return 0, n, 0
	}
	if m.negative {
		return 0, n, numberNegative
	}
	u, ok := timesPowerOf10(m.digits, m.exponent+exponent+shift)
	if !ok || u > maxNumber {
		return 0, n, numberHuge
	}
	return int64(u), n, 0
}

// mantissa is digits × 10^exponent. Of more than 18 significant digits the rest is dropped: it lies
// below the nanosecond wherever the number is within bounds.
type mantissa struct {
	digits   uint64
	exponent int
	negative bool
}

func scanMantissa(b []byte, loose bool) (m mantissa, n int, ok bool) {
	if n < len(b) && (b[n] == '-' || loose && b[n] == '+') {
		m.negative = b[n] == '-'
		n++
	}
	start := n
	for ; n < len(b) && isDigit(b[n]); n++ {
		m.push(b[n], 0)
	}
	whole := n - start
	if !loose && (whole == 0 || whole > 1 && b[start] == '0') {
		return m, n, false
	}
	if n == len(b) || b[n] != '.' {
		return m, n, whole > 0
	}
	n++
	start = n
	for ; n < len(b) && isDigit(b[n]); n++ {
		m.push(b[n], 1)
	}
	places := n - start
	return m, n, places > 0 || loose && whole > 0
}

// push appends a digit that stands the given number of places, 0 or 1, further behind the point than the one before.
func (m *mantissa) push(digit byte, places int) {
	if m.digits >= 1e17 {
		m.exponent += 1 - places
		return
	}
	m.digits = m.digits*10 + uint64(digit-'0')
	m.exponent -= places
}

// scanExponent reads "e-3" and the like, or nothing.
func scanExponent(b []byte) (exponent, n int, ok bool) {
	if len(b) == 0 || b[0] != 'e' && b[0] != 'E' {
		return 0, 0, true
	}
	n = 1
	negative := false
	if n < len(b) && (b[n] == '-' || b[n] == '+') {
		negative = b[n] == '-'
		n++
	}
	start := n
	for ; n < len(b) && isDigit(b[n]); n++ {
		exponent = min(exponent*10+int(b[n]-'0'), 1<<26) // beyond any line's number of digits
	}
	if negative {
		exponent = -exponent
	}
	return exponent, n, n > start
}

// timesPowerOf10 returns u × 10^e rounded half up, 0 < u < 10¹⁸, and whether it fits.
func timesPowerOf10(u uint64, e int) (uint64, bool) {
	for ; e > 0; e-- {
		if u > math.MaxUint64/10 {
			return 0, false
		}
		u *= 10
	}
	if e < -19 {
		return 0, true
	}
	power := uint64(1)
	for ; e < 0; e++ {
		power *= 10
	}
	return (u + power/2) / power, true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
