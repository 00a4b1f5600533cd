# SPDX-License-Identifier: ISC
# Puts the settings into the manual page: `bulkhead config show` first, then the page with a line @SETTINGS@.
function safe(text) {
	gsub(/\\/, "\\e", text)
	return text ~ /^[.']/ ? "\\&" text : text
}
FNR == 1 { file++ }
file == 1 && /^# / { help = substr($0, 3); next }
file == 1 {
	key = $1
	list = list ".It Cm " key "\n" safe(help) "\nPreset: " safe(substr($0, length(key) + 4)) "\n"
	next
}
$0 == "@SETTINGS@" { printf "%s", list; next }
{ print }
