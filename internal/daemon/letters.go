package daemon

import (
	"path/filepath"

	"github.com/hfwatch/hfwatch/alerts/notify"
	"github.com/hfwatch/hfwatch/config"
)

// lettersFile is the file of what no receiver took, in the data directory.
const lettersFile = "dead-letters.jsonl"

// openLetters makes the file of dead letters.
func (d *Daemon) openLetters(cfg *config.Config) *notify.LetterFile {
	f := notify.OpenLetterFile(notify.LetterFileOptions{
		Path: filepath.Join(cfg.Data.Dir, lettersFile), Logger: d.logger,
		Written: d.exporter.DeadLettersWritten, Lost: d.exporter.DeadLettersLost,
	})
	d.undo.add("dead letters", within(f.Close))
	return f
}
