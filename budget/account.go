package budget

import (
	"cmp"
	"slices"
	"time"
)

// day is a UTC day, counted from the Unix epoch.
type day int64

const secondsPerDay = 24 * 60 * 60

// valid reports whether the day is one that a clock can name.
func (d day) valid() bool { return d > -1<<31 && d < 1<<31 }

// dayOf returns the UTC day of t.
func dayOf(t time.Time) day {
	s := t.Unix()
	d := s / secondsPerDay
	if s%secondsPerDay < 0 {
		d--
	}
	return day(d)
}

// start returns the first day of the period that t is in.
func (p period) start(t time.Time) day {
	t = t.UTC()
	if p == monthly {
		return dayOf(time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC))
	}
	return dayOf(t)
}

// end returns the first instant after the period that t is in.
func (p period) end(t time.Time) time.Time {
	t = t.UTC()
	if p == monthly {
		return time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC)
	}
	return time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, time.UTC)
}

// spending is what is spent in each period.
type spending struct{ day, month Amount }

func (s spending) of(p period) Amount {
	if p == monthly {
		return s.month
	}
	return s.day
}

// account is what was spent on each day, by rising day.
type account []bucket

type bucket struct {
	day    day
	amount Amount
}

// add books an amount on a day.
func (a *account) add(d day, amount Amount) {
	i, found := a.find(d)
	if !found {
		*a = slices.Insert(*a, i, bucket{day: d})
	}
	(*a)[i].amount = (*a)[i].amount.plus(amount)
}

// sub takes an amount back that was booked on a day.
func (a *account) sub(d day, amount Amount) {
	if i, found := a.find(d); found {
		(*a)[i].amount = (*a)[i].amount.minus(amount)
	}
}

// drop forgets a day and returns what was booked on it.
func (a *account) drop(d day) Amount {
	i, found := a.find(d)
	if !found {
		return Amount{}
	}
	amount := (*a)[i].amount
	*a = slices.Delete(*a, i, i+1)
	return amount
}

func (a account) find(d day) (int, bool) {
	return slices.BinarySearchFunc(a, d, func(b bucket, d day) int { return cmp.Compare(b.day, d) })
}

// on returns what is booked on the day.
func (a account) on(d day) Amount {
	if i, found := a.find(d); found {
		return a[i].amount
	}
	return Amount{}
}

// since returns what is booked on the day and on all later ones. Later days
// count as well because a clock that stepped back does not undo spending.
func (a account) since(d day) Amount {
	var sum Amount
	for _, b := range slices.Backward(a) {
		if b.day < d {
			break
		}
		sum = sum.plus(b.amount)
	}
	return sum
}

// at returns what counts as spent in the periods of an instant.
func (a account) at(now time.Time) spending {
	return spending{day: a.since(daily.start(now)), month: a.since(monthly.start(now))}
}

// Bounds on the days that books keep.
const (
	// keptDays is how many days with spending are kept. It is counted in days
	// that saw spending, not in dates, so that a clock that jumps years ahead
	// and back does not lose the current month.
	keptDays = 64
	// aheadDays is how far ahead of the clock a day may lie before it is taken
	// for the mark of a clock that was wrong.
	aheadDays = 2
	// settleDays is how long a lease may stay open before it counts at its
	// ceiling for good.
	settleDays = 2
	// behindFor is how long a clock must stay behind before what was booked
	// ahead of it is dated back. A machine without a battery starts in 1970 and
	// is corrected soon after: nothing may move in between.
	behindFor = 24 * time.Hour
)

// books hold what was spent by each target and, under "", by all, together
// with the leases that are still open. Open leases are booked at what they
// hold.
type books struct {
	accounts map[string]*account
	open     map[string]*held
	today    day
	behind   time.Time
}

// held is an open lease: what its settled parts took and how many are left.
type held struct {
	lease Lease
	day   day
	spent Amount
	left  int
}

// value is what the lease counts as spent.
func (h *held) value() Amount { return h.spent.plus(h.lease.Ceiling.times(h.left)) }

func newBooks() *books {
	return &books{accounts: map[string]*account{"": {}}, open: map[string]*held{}}
}

// account returns a target's account, which is empty for a new one.
func (b *books) account(target string) account {
	if a := b.accounts[target]; a != nil {
		return *a
	}
	return nil
}

// book adds an amount to the target and to all.
func (b *books) book(target string, d day, amount Amount) {
	a := b.accounts[target]
	if a == nil {
		a = &account{}
		b.accounts[target] = a
	}
	a.add(d, amount)
	b.accounts[""].add(d, amount)
}

// rebook replaces an amount that is booked.
func (b *books) rebook(target string, d day, was, is Amount) {
	for _, name := range []string{target, ""} {
		if a := b.accounts[name]; a != nil {
			a.sub(d, was)
			a.add(d, is)
		}
	}
}

// settle ends parts of a lease at what they took, and forgets it when no part
// is left. It returns the lease as it is now, nil if it is not open, and
// whether it counts as more than before in any unit.
func (b *books) settle(id string, parts int, actual Amount) (h *held, grew bool) {
	h = b.open[id]
	if h == nil {
		return nil, false
	}
	was := h.value()
	h.left -= min(parts, h.left)
	h.spent = h.spent.plus(actual)
	b.rebook(h.lease.Target, h.day, was, h.value())
	if h.left == 0 {
		delete(b.open, id)
	}
	return h, h.value().exceeds(was)
}

// roll brings the books to the day of now, and reports whether they changed in
// a way that the journal should be rewritten for.
func (b *books) roll(now time.Time) bool {
	changed := b.dateBack(now)
	if today := dayOf(now); today != b.today {
		b.today = today
		for id, h := range b.open {
			if h.day < today-settleDays {
				delete(b.open, id)
			}
		}
		b.prune(now)
		changed = true
	}
	return changed
}

// prune keeps the number of days bounded: it forgets the oldest, or, where
// that one still counts, books it on the next.
func (b *books) prune(now time.Time) {
	all := b.accounts[""]
	for len(*all) > keptDays {
		oldest, next := (*all)[0].day, (*all)[1].day
		if oldest < monthly.start(now) {
			for _, a := range b.accounts {
				a.drop(oldest)
			}
			continue
		}
		b.move(oldest, next)
	}
	for name, a := range b.accounts {
		if name != "" && len(*a) == 0 {
			delete(b.accounts, name)
		}
	}
}

// dateBack books what lies far ahead of a clock that has been behind it for a
// day on the day on which it was seen to be. Until then it counts in every
// period.
func (b *books) dateBack(now time.Time) bool {
	all := *b.accounts[""]
	horizon := dayOf(now) + aheadDays
	if len(all) == 0 || all[len(all)-1].day <= horizon {
		b.behind = time.Time{}
		return false
	}
	if b.behind.IsZero() {
		b.behind = now
	}
	if now.Sub(b.behind) < behindFor {
		return false
	}
	to := min(dayOf(b.behind), dayOf(now))
	for _, ahead := range slices.Clone(all) {
		if ahead.day > horizon {
			b.move(ahead.day, to)
		}
	}
	b.behind = time.Time{}
	return true
}

// move books all of one day on another.
func (b *books) move(from, to day) {
	for _, a := range b.accounts {
		if amount := a.drop(from); !amount.IsZero() {
			a.add(to, amount)
		}
	}
	for _, h := range b.open {
		if h.day == from {
			h.day = to
		}
	}
}
