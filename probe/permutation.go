package probe

// golden is the increment of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): 2⁶⁴ over the golden ratio.
const golden uint64 = 0x9e3779b97f4a7c15

// order is the permutation of the seats that a key goes by: a Feistel network of two bytes (Luby and Rackoff, 1988).
type order [4]uint32

func orderOf(k Key) order {
	a := mix(uint64(k) + golden)
	b := mix(a + golden)
	return order{uint32(a), uint32(a >> 32), uint32(b), uint32(b >> 32)}
}

// seat returns which seat has a place.
func (o *order) seat(place uint16) uint16 {
	l, r := uint8(place>>8), uint8(place)
	for _, k := range o {
		l, r = r, l^scramble(r, k)
	}
	return uint16(l)<<8 | uint16(r)
}

// place returns which place a seat has.
func (o *order) place(seat uint16) uint16 {
	l, r := uint8(seat>>8), uint8(seat)
	for i := len(o) - 1; i >= 0; i-- {
		l, r = r^scramble(l, o[i]), l
	}
	return uint16(l)<<8 | uint16(r)
}

// scramble is the round function of the network. Any will do that mixes well: the network is a permutation whatever it
// is.
func scramble(x uint8, k uint32) uint8 {
	h := (uint32(x) ^ k&0xff) * (k>>7 | 1)
	h ^= h >> 15
	return uint8((h * 0x2c1b3c6d) >> 24)
}

// mix is the output function of SplitMix64: a bijection in which each bit of the input moves each bit of the output
// with probability one half.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
