package sim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// day is how long certificates of the simulator are off their dates by.
const day = 24 * time.Hour

// authority signs certificates. It is made anew with each server, and its key
// never leaves the process.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// newAuthority returns an authority of that name, from a day ago to ten years on.
func newAuthority(name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("authority: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-30 * day), NotAfter: now.Add(3650 * day),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("authority: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("authority: %w", err)
	}
	return &authority{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, nil
}

// sign returns a certificate for names, valid from and to so long from now.
func (a *authority) sign(names []string, from, to time.Duration) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "simulator"},
		NotBefore: now.Add(from), NotAfter: now.Add(to),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
			continue
		}
		template.DNSNames = append(template.DNSNames, name)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key}, nil
}

// handshake returns the options by which a listener speaks TLS as t says.
func (s *Server) handshake(l Listener, t Transport) (*tls.Config, error) {
	by, from, to := s.authority, -day, 365*day
	names := append([]string{"localhost", "127.0.0.1", "::1"}, l.Hosts...)
	switch t.TLS {
	case tlsExpired:
		from, to = -2*day, -day
	case tlsWrongHost:
		names = []string{"another.invalid"}
	case tlsUnknown:
		stranger, err := newAuthority("a stranger to everybody")
		if err != nil {
			return nil, err
		}
		by = stranger
	}
	cert, err := by.sign(names, from, to)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if t.HTTP2 {
		config.NextProtos = []string{"h2", "http/1.1"}
	}
	if t.TLS == tlsClientCert {
		config.ClientAuth = tls.RequireAnyClientCert
	}
	return config, nil
}

// Authority returns the certificate, in PEM, of the authority that signs what
// listeners show; nil where no listener can speak TLS.
func (s *Server) Authority() []byte {
	if s.authority == nil {
		return nil
	}
	return s.authority.pem
}
