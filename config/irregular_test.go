//go:build unix

package config_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/hfwatch/hfwatch/config"
)

// TestOnlyRegularFilesAreRead: a pipe or a device is refused at once, since
// reading one may never end; a link to a file is followed.
func TestOnlyRegularFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	pipe, file, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "c.yaml"), filepath.Join(dir, "link.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct{ why, file, text, want string }{
		{"a pipe as the file itself", pipe, small, pipe + ":1:1: file: the file cannot be read: is a pipe, not a regular file; name another with --config.file"},
		{"a device", "/dev/null", small, "/dev/null:1:1: file: the file cannot be read: is a device, not a regular file; name another with --config.file"},
		{
			"a pipe as a secret", file, "hub: {token_file: pipe}\n" + small,
			file + `:1:19: hub.token_file: "pipe": the file cannot be read: is a pipe, not a regular file; correct the file or its rights`,
		},
		{
			"a pipe as inputs", file, "models: [{model: a, task: custom, inputs_file: pipe}]\n",
			file + `:1:48: models[0].inputs_file: "pipe": the file cannot be read: is a pipe, not a regular file; correct the file or its rights`,
		},
		{
			"an included pipe", file, "include: [pipe]\n" + small,
			pipe + ":1:1: file: the file cannot be read: is a pipe, not a regular file; correct include, or the file's rights",
		},
	} {
		write(row.text)
		if _, err := config.Load(config.Options{File: row.file, Now: now}); err == nil || err.Error() != row.want {
			t.Errorf("%s: Load = %v, want %s", row.why, err, row.want)
		}
	}
	write(small)
	if _, err := config.Load(config.Options{File: link, Now: now}); err != nil {
		t.Errorf("Load(link) = %v, want none", err)
	}
}
