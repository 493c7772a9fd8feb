package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// fileFlag declares a flag that asks for a form of output: alone it means
// standard output, "-", and with =FILE a file.
func fileFlag(cmd *cobra.Command, value *string, name, usage string) {
	cmd.Flags().StringVar(value, name, "", usage+": to standard output, or with =FILE to a file")
	cmd.Flags().Lookup(name).NoOptDefVal = "-"
}

// jsonOut returns where --json writes, standard output where it names no file, and
// what closes it.
func (p *process) jsonOut(name string) (out io.Writer, closeOut func() error, err error) {
	if name == "" || name == "-" {
		return p.stdout, func() error { return nil }, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, nil, exit{exitUsage, fmt.Errorf("--json: %w", err)}
	}
	return file, file.Close, nil
}

// output writes to standard output for "-", to the file of another name, and
// nowhere without one.
func (p *process) output(name string, write func(io.Writer) error) error {
	switch name {
	case "":
		return nil
	case "-":
		return write(p.stdout)
	}
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}

// writeJSON writes a value as one line of JSON, its text as a person reads it.
func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
