package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hfwatch/hfwatch/alerts/notify"
	"github.com/hfwatch/hfwatch/probe"
)

// bodyMost bounds the body of a message that is verified.
const bodyMost = 8 << 20

// verifyWebhookCommand judges the signature of a message.
func (p *process) verifyWebhookCommand() *cobra.Command {
	var key, timestamp, signature string
	var tolerance time.Duration
	cmd := &cobra.Command{
		Use:   "verify-webhook",
		Short: "Verify the signature of a webhook message whose body is on stdin",
		Long: `Reads the raw body of a message from stdin and verifies it as a receiver should:
the signature over timestamp, full stop and body, then the age of the timestamp.

Exit codes: 0 it is hfwatch's, 1 it is not, 2 usage.`,
		Example: `  hfwatch verify-webhook --secret-file hook-key \
    --timestamp 1764043200 --signature v1=5f2c… < body.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := os.ReadFile(key)
			if err != nil {
				return exit{exitUsage, fmt.Errorf("--secret-file: %w", err)}
			}
			body, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), bodyMost+1))
			if err != nil || len(body) > bodyMost {
				return exit{exitUsage, fmt.Errorf("the body on stdin cannot be read, or is longer than %d bytes", bodyMost)}
			}
			secret := probe.NewSecret(strings.TrimRight(string(text), "\r\n"))
			if err := notify.Verify(secret, timestamp, signature, body, time.Now(), tolerance); err != nil {
				return exit{exitFailed, fmt.Errorf("not verified: %w", err)}
			}
			_, err = fmt.Fprintln(p.stdout, "verified")
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&key, "secret-file", "", "the file that webhook.secret_file names")
	flags.StringVar(&timestamp, "timestamp", "", "the header "+notify.HeaderTimestamp)
	flags.StringVar(&signature, "signature", "", "the header "+notify.HeaderSignature)
	flags.DurationVar(&tolerance, "tolerance", 5*time.Minute, "how far the timestamp may be from now")
	for _, name := range []string{"secret-file", "timestamp", "signature"} {
		_ = cmd.MarkFlagRequired(name)
	}
	return cmd
}
