package budget

import (
	"math/rand/v2"
	"testing"
	"time"
)

// model is a ledger as simple as can be: what is spent by target and day, and
// the leases that are open.
type model struct {
	booked map[string]map[day]Amount
	open   []*modelLease
}

type modelLease struct {
	lease Lease
	left  int
	spent Amount
}

func (x *modelLease) value() Amount { return x.spent.plus(x.lease.Ceiling.times(x.left)) }

// close books the lease for good.
func (m *model) close(i int) {
	x := m.open[i]
	m.open = append(m.open[:i], m.open[i+1:]...)
	if m.booked[x.lease.Target] == nil {
		m.booked[x.lease.Target] = map[day]Amount{}
	}
	d := dayOf(x.lease.At)
	m.booked[x.lease.Target][d] = m.booked[x.lease.Target][d].plus(x.value())
}

// since sums what a target spent from the day on.
func (m *model) since(target string, from day) (sum Amount) {
	for d, a := range m.booked[target] {
		if d >= from {
			sum = sum.plus(a)
		}
	}
	for _, x := range m.open {
		if x.lease.Target == target && dayOf(x.lease.At) >= from {
			sum = sum.plus(x.value())
		}
	}
	return sum
}

// TestRandomHistories compares random reservations, settlements, restarts and
// clocks that go forward and back, over a journal that is compacted all the
// time, with the model.
func TestRandomHistories(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 7))
		o := Options{Dir: t.TempDir(), MaxBytes: int64(500 + r.IntN(8000))}
		l, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		now, m := noon, model{booked: map[string]map[day]Amount{}}
		for step := range 120 {
			switch k := r.IntN(18); {
			case k < 8:
				each := Amount{1, r.Int64N(100), r.Int64N(1000)}
				lease, n, err := l.ReserveBlock(now, string(rune('a'+r.IntN(3))), Classes()[r.IntN(4)], each, 1+r.IntN(5))
				if err != nil {
					t.Fatal(err)
				}
				m.open = append(m.open, &modelLease{lease: lease, left: n})
			case k < 15 && len(m.open) > 0:
				m.settle(l, r)
			case k == 15:
				now = now.Add(time.Duration(r.IntN(20)) * time.Hour)
			case k == 16:
				now = now.Add(-time.Duration(r.IntN(5)) * time.Hour)
			case k == 17:
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				if l, err = Open(t.Context(), o); err != nil {
					t.Fatal(err)
				}
				for len(m.open) > 0 {
					m.close(0)
				}
			}
			// A lease that is days old cannot be settled any more.
			for i := len(m.open) - 1; i >= 0; i-- {
				if dayOf(m.open[i].lease.At) < dayOf(now)-1 {
					m.close(i)
				}
			}
			for _, target := range []string{"a", "b", "c"} {
				want := spending{m.since(target, daily.start(now)), m.since(target, monthly.start(now))}
				if got := spentAt(l, target, now); got != want {
					t.Fatalf("seed %d, step %d: %q has spent %+v, want %+v", seed, step, target, got, want)
				}
			}
		}
		shut(t, l)
	}
}

// settle ends a lease, or a part of it, in one of the three ways.
func (m *model) settle(l *Ledger, r *rand.Rand) {
	i := r.IntN(len(m.open))
	x, actual := m.open[i], Amount{1, r.Int64N(150), r.Int64N(1500)}
	switch r.IntN(3) {
	case 0:
		l.SettlePart(x.lease, actual)
		x.left--
		x.spent = x.spent.plus(actual)
	case 1:
		l.Settle(x.lease, actual)
		x.left = 0
		x.spent = x.spent.plus(actual)
	default:
		l.Release(x.lease)
		x.left = 0
	}
	if x.left == 0 {
		m.close(i)
	}
}
