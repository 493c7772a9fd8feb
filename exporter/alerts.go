package exporter

// DeadLettersWritten counts alerts that no receiver was told of and that are in
// the dead-letter file.
func (e *Exporter) DeadLettersWritten(n int) { e.self.plus(e.self.deadLetters, n) }

// DeadLettersLost counts those that could not be written there.
func (e *Exporter) DeadLettersLost(n int) { e.self.plus(e.self.deadLettersLost, n) }

// SetSilences publishes how many silences are active and pending.
func (e *Exporter) SetSilences(active, pending int) {
	e.silences.set(map[string]float64{"active": float64(active), "pending": float64(pending)})
}

// SetSilenced publishes how many alerts fire and are held back by a silence.
func (e *Exporter) SetSilenced(n int) {
	e.self.mu.Lock()
	defer e.self.mu.Unlock()
	e.self.silenced.set(float64(n))
}

// Drill is a fire drill of a target.
type Drill struct{ Target, ID string }

// values returns the values of the labels.
func (d Drill) values() []string { return []string{d.Target, d.ID} }

// SetDrills replaces the drills under way, and how many of the last five
// synthetic results of each are bad.
func (e *Exporter) SetDrills(bad map[Drill]float64) { e.drills.set(bad) }
