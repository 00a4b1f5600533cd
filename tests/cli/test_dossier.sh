#!/bin/bash
# SPDX-License-Identifier: ISC
# The dossier in a real browser: hostile content stays text, the page fits a phone, and it prints.
# Usage: test_dossier.sh BUILD [FOLDER to keep the pictures in].  Needs root and Debian's chromium.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
needs_root

start_guard unshare --net

# Pictures worth looking at: an 800x500 PNG with stripes, made here.
python3 - <<'PY'
import struct, zlib
def png(name, w, h, stripes):
    raw = b''.join(b'\0' + bytes(c for x in range(w) for c in stripes[(x // 40 + y // 40) % len(stripes)]) for y in range(h))
    def chunk(t, d): return struct.pack('>I', len(d)) + t + d + struct.pack('>I', zlib.crc32(t + d))
    open(name, 'wb').write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', w, h, 8, 2, 0, 0, 0)) + chunk(b'IDAT', zlib.compress(raw)) + chunk(b'IEND', b''))
png('form.png', 800, 500, [(240, 240, 245), (200, 220, 250)])
png('mail.png', 600, 900, [(250, 245, 235), (240, 220, 190)])
png('page.png', 400, 300, [(235, 250, 240), (190, 230, 200)])
PY
attack="\"'><script>document.title='PWNED'</script><img src=x onerror=\"document.title='PWNED'\"></pre></table>"
printf 'server,tenant,virtualization,interfaces,addresses\nvm-7,acme,kvm,vnet7,192.0.2.7\nvm-8,acme,kvm,vnet8,192.0.2.8\n' >servers.csv
"${b[@]}" server import servers.csv >/dev/null
{
	printf 'From: Shop <news@acme.example>\r\nTo: b@example.org\r\nSubject: %s\r\n' "$attack"
	printf 'List-Unsubscribe: <https://acme.example/u/0123456789abcdef>\r\nMessage-ID: <1@acme.example>\r\n\r\n'
	printf '<html><script>document.title="PWNED"</script>Отписаться: https://acme.example/u\r\n'
	for _ in $(seq 400); do printf '\xe2\x80\xae\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xff'; done
} >mail.eml
printf 'We mail you only when you tick the box.\n' >rules.txt
cp mail.png "x'><script>alert(1)<.png"
apply=(whitelist apply vm-7 vm-8 --consent form.png --rules rules.txt --sample mail.eml --sample-picture "x'><script>alert(1)<.png"
	--unsubscribe-picture page.png --domain acme.example --domain news.acme.example --per-day 5000 --list-size 4800
	--list-origin "Форма подписки на сайте $attack" --contact owner@acme.example --lang ru)
prints apply 'submitted' "${b[@]}" "${apply[@]}"
prints dossier-incomplete 'in out.html' "${b[@]}" whitelist dossier 1 -o out.html
refused dossier-unknown 1 'no application 9' "${b[@]}" whitelist dossier 9 -o none.html
refused dossier-nowhere 1 'cannot write the dossier' "${b[@]}" whitelist dossier 1 -o /nonexistent/x.html
refused dossier-option 2 'output' "${b[@]}" whitelist dossier 1 -o
"${b[@]}" whitelist check 1 >checks 2>&1
prints approve 'active' "${b[@]}" whitelist approve 1 --until 180d --override --reason 'a made-up mail'
prints block 'case' "${b[@]}" block vm-7 --reason "$attack" --for 2h
"${b[@]}" whitelist apply vm-8 --consent form.png --domain bolt.example --contact x@bolt.example >/dev/null
prints dossier 'in page.html' "${b[@]}" whitelist dossier 1 -o page.html
"${b[@]}" whitelist dossier 1 >piped.html
prints piped-is-whole '</html>' tail -n 1 piped.html
prints mode-is-private '^600$' stat -c %a page.html
prints duplicates 'The same file is in application 2' cat page.html
prints ledger-intact 'intact' "${b[@]}" ledger verify

chromium=$(command -v chromium || command -v chromium-browser)
if [ -z "$chromium" ]; then
	echo "chromium is missing, nobody looked at the page: run tests/packages.sh test"
	exit 1
fi
browse() { # arguments of the browser; it has no network and no profile of anybody
	timeout -k 5 200 unshare --net "$chromium" --headless --no-sandbox --disable-gpu --no-first-run \
		--disable-background-networking --disable-dev-shm-usage --hide-scrollbars \
		--user-data-dir="$work/profile" "$@" 2>browser.log
}
# The page as the browser built it: whoever broke out of a text would have changed the title, or be an element.
browse --dump-dom "file://$work/page.html" >dom.html
prints dom-is-whole 'How to decide' cat dom.html
prints nothing-ran '<title>Whitelist application 1</title>' cat dom.html
python3 - >verdict <<'PY'
from html.parser import HTMLParser
class P(HTMLParser):
    def __init__(self):
        super().__init__(); self.bad = []; self.images = 0
    def handle_starttag(self, tag, attrs):
        if tag in ('script', 'a', 'iframe', 'object', 'embed', 'form', 'input', 'base', 'link'): self.bad.append(tag)
        for k, v in attrs:
            if k.startswith('on') or (k in ('src', 'href') and not v.startswith('data:image/')): self.bad.append(f'{tag} {k}')
        self.images += tag == 'img'
p = P(); p.feed(open('dom.html').read())
print('bad', p.bad, 'images', p.images)
PY
prints nothing-broke-out '^bad \[\] images 3$' cat verdict
# Does it fit?  The browser is asked for the width that the page would like to have.
sed 's|</body>|<script>document.title="wide "+document.documentElement.scrollWidth</script></body>|; s|default-src .none.;|script-src '"'unsafe-inline'"';|' page.html >probe.html
fits() { # name width
	browse --window-size="$2,900" --dump-dom "file://$work/probe.html" >dom.html
	local wide
	wide=$(sed -n 's/.*<title>wide \([0-9]*\)<.*/\1/p' dom.html)
	if [ -n "$wide" ] && [ "$wide" -le "$2" ]; then ok "$1"; else fail "$1" "page is ${wide:-?} wide in $2"; fi
}
fits fits-desktop 1280
fits fits-phone 500 # the narrowest window that the headless browser makes
browse --window-size=1280,3600 --screenshot="$work/desktop.png" "file://$work/page.html" >/dev/null
browse --window-size=500,5200 --screenshot="$work/phone.png" "file://$work/page.html" >/dev/null
browse --print-to-pdf="$work/page.pdf" --no-pdf-header-footer "file://$work/page.html" >/dev/null
prints screenshot-desktop 'PNG image data, 1280' file desktop.png
prints screenshot-phone 'PNG image data, 500' file phone.png
prints prints-to-pdf '^%PDF' head -c 8 page.pdf
if [ $# -gt 1 ]; then cp page.html desktop.png phone.png page.pdf "$2"; fi
finish
