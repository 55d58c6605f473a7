package tlsfile

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// lookAgain is how often the files of a certificate are looked at, at most.
const lookAgain = time.Second

// Certificate is ours, with its key, in two files that are read again when they change. It is safe for concurrent use.
type Certificate struct {
	certificate, key string
	logger           *slog.Logger

	mu     sync.Mutex
	looked time.Time
	// seen is how the files were when they were read last, and pair the last that was good.
	seen files
	pair *tls.Certificate
}

// files tells two states of the two files apart; the zero file is one that cannot be looked at.
type files struct{ certificate, key file }

type file struct {
	modified time.Time
	size     int64
}

// ReadCertificate reads a certificate and its key (PEM). A nil logger discards what goes wrong later.
func ReadCertificate(certificate, key string, logger *slog.Logger) (*Certificate, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	c := &Certificate{certificate: certificate, key: key, logger: logger}
	c.looked, c.seen = time.Now(), c.look()
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	c.pair = &pair
	return c, nil
}

// Current is what new connections show; it is for tls.Config.GetClientCertificate. The error is nil: if the files have changed and are not good, that is the last pair that was.
func (c *Certificate) Current(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < lookAgain {
		return c.pair, nil
	}
	c.looked = time.Now()
	seen := c.look()
	if seen == c.seen {
		return c.pair, nil
	}
	c.seen = seen // by now they may be newer, and then they are read once more
	pair, err := tls.LoadX509KeyPair(c.certificate, c.key)
	if err != nil {
		c.logger.Warn("client certificate changed and cannot be used, so the last one stays", slog.String("certificate", c.certificate), slog.Any("error", err))
		return c.pair, nil
	}
	c.logger.Info("client certificate changed", slog.String("certificate", c.certificate))
	c.pair = &pair
	return c.pair, nil
}

func (c *Certificate) look() files { return files{lookAt(c.certificate), lookAt(c.key)} }

func lookAt(path string) file {
	info, err := os.Stat(path)
	if err != nil {
		return file{}
	}
	return file{info.ModTime(), info.Size()}
}
