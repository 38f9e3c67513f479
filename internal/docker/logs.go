package docker

import (
	"bytes"
	"context"
	"io"
	"strings"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// Bounds of a last line, and of what is read to find it.
const (
	longestLine = 300
	enoughLogs  = 64 << 10
)

// lastLine is ": " and the last line a container wrote, "" where there is
// none or its log cannot be read: it only adds to what is known.
func (c *Client) lastLine(ctx context.Context, id string) string {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	stream, err := c.api.ContainerLogs(ctx, id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: "5"})
	if err != nil {
		return ""
	}
	defer stream.Close()
	raw, err := io.ReadAll(io.LimitReader(stream, enoughLogs))
	if err != nil {
		return ""
	}
	var text bytes.Buffer
	if _, err := stdcopy.StdCopy(&text, &text, bytes.NewReader(raw)); err != nil {
		text = *bytes.NewBuffer(raw) // of a terminal, which is one stream
	}
	lines := bytes.TrimSpace(text.Bytes())
	line := lines[bytes.LastIndexByte(lines, '\n')+1:]
	if len(line) == 0 {
		return ""
	}
	return ": " + strings.ToValidUTF8(string(line[:min(len(line), longestLine)]), "?")
}
