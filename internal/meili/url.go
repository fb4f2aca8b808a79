package meili

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// What is wrong with a URL, in Meilisearch's words.
const (
	urlRelative = "relative URL without a base"
	urlNoHost   = "empty host"
	urlPort     = "invalid port number"
	urlIPv4     = "invalid IPv4 address"
	urlIPv6     = "invalid IPv6 address"
	urlIDN      = "invalid international domain name"
	urlDomain   = "invalid domain character"
)

// specialSchemes are those whose URLs have a host, which is a domain or an address, and that take a backslash for a slash.
var specialSchemes = map[string]bool{"http": true, "https": true, "ws": true, "wss": true, "ftp": true}

// URLFault words what is wrong with a URL as Meilisearch does, which reads them by the URL standard (url.spec.whatwg.org);
// empty for nothing. What browsers forgive is forgiven here.
func URLFault(s string) string {
	s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	s = strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' {
			return -1
		}
		return r
	}, s)
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || !isScheme(scheme) {
		return urlRelative
	}
	scheme = strings.ToLower(scheme)
	switch {
	case specialSchemes[scheme]:
		return authorityFault(strings.TrimLeft(rest, `/\`), true)
	case scheme == "file":
		return fileFault(rest)
	case strings.HasPrefix(rest, "//"):
		return authorityFault(rest[2:], false)
	}
	return ""
}

func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (i == 0 || (s[i] < '0' || s[i] > '9') && strings.IndexByte("+-.", s[i]) < 0) {
			return false
		}
	}
	return s != ""
}

// authorityFault looks at what follows the slashes: perhaps a user, the host, perhaps a port.
func authorityFault(s string, special bool) string {
	end := "/?#"
	if special {
		end += `\`
	}
	more := strings.IndexAny(s, end)
	if more >= 0 {
		s = s[:more]
	}
	if s == "@" && more > 0 {
		return urlNoHost
	}
	user := false
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		user = strings.Trim(s[:i], ":") != ""
		s = s[i+1:]
	}
	host, port := splitPort(s)
	switch {
	case host == "" && (special || user || port != ""):
		return urlNoHost
	case special:
		if fault := hostFault(host); fault != "" {
			return fault
		}
	case strings.HasPrefix(host, "["):
		if !isIPv6(host) {
			return urlIPv6
		}
	case strings.ContainsAny(host, "\x00\t\n\r #/:<>?@[\\]^|"):
		return urlDomain
	}
	return portFault(port)
}

// splitPort cuts at the first colon outside of brackets. The port begins with its colon.
func splitPort(s string) (host, port string) {
	inside := false
	for i := range len(s) {
		switch {
		case s[i] == '[':
			inside = true
		case s[i] == ']':
			inside = false
		case s[i] == ':' && !inside:
			return s[:i], s[i:]
		}
	}
	return s, ""
}

func portFault(port string) string {
	port = strings.TrimPrefix(port, ":")
	for i := range len(port) {
		if port[i] < '0' || port[i] > '9' {
			return urlPort
		}
	}
	if _, err := strconv.ParseUint("0"+port, 10, 16); err != nil {
		return urlPort
	}
	return ""
}

// fileFault looks at the host of a file URL, which has one only after exactly two slashes.
func fileFault(rest string) string {
	isSlash := func(i int) bool { return i < len(rest) && (rest[i] == '/' || rest[i] == '\\') }
	if !isSlash(0) || !isSlash(1) {
		return ""
	}
	host := rest[2:]
	if i := strings.IndexAny(host, `/\?#`); i >= 0 {
		host = host[:i]
	}
	if host == "" || len(host) == 2 && isScheme(host[:1]) && (host[1] == ':' || host[1] == '|') {
		return ""
	}
	return hostFault(host)
}

// forbidden are the characters that no domain has.
const forbidden = " #/:<>?@[\\]^|%\x7f"

// hostFault looks at a domain or address.
func hostFault(host string) string {
	if strings.HasPrefix(host, "[") {
		if !isIPv6(host) {
			return urlIPv6
		}
		return ""
	}
	decoded := percentDecoded(host)
	if !utf8.ValidString(decoded) {
		return urlIDN
	}
	domain, err := domains.ToASCII(decoded)
	emptyCode := strings.Contains("."+strings.ToLower(decoded)+".", ".xn--.")
	if err != nil || emptyCode || strings.ContainsAny(domain, forbidden) || strings.IndexFunc(domain, func(r rune) bool { return r < ' ' }) >= 0 {
		return urlIDN
	}
	switch {
	case domain == "":
		return urlNoHost
	case endsInNumber(domain) && !isIPv4(domain):
		return urlIPv4
	}
	return ""
}

// domains maps names as the URL standard does: like browsers, without a look at lengths or hyphens.
var domains = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false), idna.CheckHyphens(false),
	idna.CheckJoiners(true), idna.BidiRule(), idna.VerifyDNSLength(false))

// percentDecoded decodes what is encoded and leaves all else.
func percentDecoded(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if one, err := url.PathUnescape(s[i : i+3]); err == nil {
				b.WriteString(one)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func isIPv6(host string) bool {
	inner, closed := strings.CutSuffix(host[1:], "]")
	a, err := netip.ParseAddr(inner)
	return closed && err == nil && a.Is6() && a.Zone() == ""
}

// endsInNumber says whether a domain is meant to be an IPv4 address.
func endsInNumber(domain string) bool {
	parts := strings.Split(domain, ".")
	if len(parts) > 1 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	last := parts[len(parts)-1]
	if last != "" && strings.Trim(last, "0123456789") == "" {
		return true
	}
	_, ok := ipv4Number(last)
	return last != "" && ok
}

// isIPv4 reads one to four numbers; the last fills what is left of the 32 bits.
func isIPv4(domain string) bool {
	parts := strings.Split(strings.TrimSuffix(domain, "."), ".")
	if len(parts) > 4 {
		return false
	}
	for i, part := range parts {
		n, ok := ipv4Number(part)
		if !ok || part == "" || i < len(parts)-1 && n > 255 || i == len(parts)-1 && n >= 1<<(8*(5-len(parts))) {
			return false
		}
	}
	return true
}

// ipv4Number reads a decimal, octal or hexadecimal number.
func ipv4Number(s string) (uint64, bool) {
	base := 10
	switch {
	case strings.HasPrefix(s, "0x"), strings.HasPrefix(s, "0X"):
		s, base = s[2:], 16
	case len(s) > 1 && s[0] == '0':
		s, base = s[1:], 8
	}
	if s == "" {
		return 0, true
	}
	if s[0] == '+' || strings.Contains(s, "_") {
		return 0, false
	}
	n, err := strconv.ParseUint(s, base, 64)
	return n, err == nil
}
