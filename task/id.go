package task

import (
	"encoding/hex"
	"fmt"
)

// JobID names a job across the fleet: 16 random bytes, written as 32 lower-case
// hexadecimal digits. The zero JobID means "not chosen yet".
type JobID [16]byte

// ParseJobID reads 32 hexadecimal digits. The error is an [*Error] with code
// [CodeInvalidJob].
func ParseJobID(s string) (JobID, error) {
	var id JobID
	if len(s) != 2*len(id) {
		return JobID{}, Errorf(CodeInvalidJob, "id: want 32 hexadecimal digits, got %d characters", len(s))
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return JobID{}, Errorf(CodeInvalidJob, "id: want 32 hexadecimal digits, got %q", s)
	}
	return id, nil
}

// String returns the 32 hexadecimal digits.
func (id JobID) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether the ID has not been chosen yet.
func (id JobID) IsZero() bool { return id == JobID{} }

// MarshalText writes the 32 hexadecimal digits.
func (id JobID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is [ParseJobID] for decoders.
func (id *JobID) UnmarshalText(b []byte) error {
	parsed, err := ParseJobID(string(b))
	if err != nil {
		return fmt.Errorf("job id: %w", err)
	}
	*id = parsed
	return nil
}
