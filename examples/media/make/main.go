// Command make writes the sample media beside it: a drawn picture and a tone,
// made here and free to use for anything.
//
//	go run ./examples/media/make examples/media
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/hfwatch/hfwatch/probe/media"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: make DIRECTORY")
		os.Exit(2)
	}
	for name, data := range map[string][]byte{
		"boat.png": media.SamplePicture(media.PNG), "boat.jpg": media.SamplePicture(media.JPEG), "tone.wav": media.SampleSound(),
	} {
		if err := os.WriteFile(filepath.Join(os.Args[1], name), data, 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
