package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// The headers of a message.
const (
	// HeaderSignature holds "v1=" and the signature in hexadecimal.
	HeaderSignature = "X-Hfwatch-Signature"
	// HeaderTimestamp holds the Unix time in seconds at which it was signed.
	HeaderTimestamp = "X-Hfwatch-Timestamp"
	// HeaderDelivery names the notification: the same at each attempt to deliver
	// it, so that a receiver can tell a repetition from news.
	HeaderDelivery = "X-Hfwatch-Delivery"
)

// signatureVersion stands before a signature made as Sign makes it.
const signatureVersion = "v1="

// The ways in which a message fails its verification.
var (
	// ErrNoKey is a verification without a key, which proves nothing.
	ErrNoKey = errors.New("no key to verify with")
	// ErrNoSignature is a signature header without a signature of version 1.
	ErrNoSignature = errors.New("no signature of version v1")
	// ErrTimestamp is a timestamp header that is not a Unix time in seconds.
	ErrTimestamp = errors.New("timestamp is not a unix time in seconds")
	// ErrExpired is a timestamp too far from now: a message sent again by
	// someone else, or a clock that is wrong.
	ErrExpired = errors.New("timestamp is outside the tolerance")
	// ErrMismatch is a signature made with another key or over another message.
	ErrMismatch = errors.New("signature does not match")
)

// Sign returns the value of HeaderSignature: "v1=" and the hexadecimal
// HMAC-SHA256 of the timestamp in Unix seconds, a full stop and the raw body.
func Sign(key probe.Secret, at time.Time, body []byte) string {
	return signatureVersion + hex.EncodeToString(mac(key, strconv.FormatInt(at.Unix(), 10), body))
}

// Verify returns nil if one of the signatures in the header is Sign's for the
// timestamp and the raw body, and the timestamp is no further than tolerance
// from now, before or after. The header may hold several signatures separated
// by commas, as while a key is being changed. Comparison takes constant time.
func Verify(key probe.Secret, timestamp, signature string, body []byte, now time.Time, tolerance time.Duration) error {
	if key.IsZero() {
		return ErrNoKey
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || strconv.FormatInt(seconds, 10) != timestamp {
		return ErrTimestamp
	}
	want := mac(key, timestamp, body)
	found, match := false, false
	for part := range strings.SplitSeq(signature, ",") {
		digits, ok := strings.CutPrefix(strings.TrimSpace(part), signatureVersion)
		if !ok {
			continue
		}
		found = true
		got, err := hex.DecodeString(digits)
		if err == nil && hmac.Equal(got, want) {
			match = true
		}
	}
	switch {
	case !found:
		return ErrNoSignature
	case !match:
		return ErrMismatch
	}
	// The signature is judged first, so that the time in the error can be
	// believed.
	if age := now.Sub(time.Unix(seconds, 0)); age > tolerance || age < -tolerance {
		return fmt.Errorf("%w: signed %s ago, %s allowed", ErrExpired, age.Round(time.Second), tolerance)
	}
	return nil
}

// mac returns the HMAC-SHA256 of timestamp, full stop and body.
func mac(key probe.Secret, timestamp string, body []byte) []byte {
	h := hmac.New(sha256.New, []byte(key.Reveal()))
	h.Write([]byte(timestamp))
	h.Write([]byte{'.'})
	h.Write(body)
	return h.Sum(nil)
}
