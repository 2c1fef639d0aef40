#!/bin/sh
# powershell.sh FILE: is it PowerShell? Says where it is not, by the grammar of tree-sitter: PowerShell itself
# comes from no registry that can be reached everywhere. The wheels are PyPI's, pinned: Linux, Python 3.10 to 3.14.
set -eu
. "$(dirname "$0")/lib.sh"
pins="tree-sitter==0.26.1 tree-sitter-powershell==0.26.4"
hashes="
    00e55f823de46b2bbcab9ca58a4c2a7ccc2b1dc28ed3fad7355fb32726008e21
    02d73ec124fa74e64558f5fdb3ae58d8af19d5e8b4a70197b45ebf22c83e822f
    0a7a9ee719645d656fe252afbb437b4bb5e9a535e5287fc04c0831876b2de07a
    0c1b48e17b26cf555060c1285b35f49eeb345222e62c2a35d70c393a7c61c65b
    1529457e099ee5963b9738d42ed8133316d936157e912aa4a985f4fdaf018ada
    56508e4ac7aad1e3b26f2ef96b8d2b60b149c4efa0c23742e91e809a11db73ee
    6dc56eb5260d5f4da19ba16c8aeac3d6829237ef0aaf7dda134d778d42969769
    7b14ac81a2afdcf75610f714f1d2eeaac40da93965c104cabb5c4c2b536a488a
    8ecef3db771e6f50a7010310056a54bca11279e0f10597fff78c215a879de965
    92aaec1a5d4318b7e563075365336d89dcfb613f716a4491bfd9a012a133aa74
    b8ffc0cb6b7226b9b3121daca6d54510505431f4a8b370bbb79fa2d7963a6b85
    c0989b221ce6cc1dfe3bc9993d3ca1ee96f3ca62173423b9a332a61c5afa3c12
"
home=$cache/powershell-grammar

fetch() {
    python3 -m pip --version >/dev/null 2>&1 || apt_install python3-pip
    new=$(mktemp -d "$cache/powershell.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    for pin in $pins; do
        printf '%s' "$pin"
        # pip wants one that fits, so all of them may stand with both
        printf ' --hash=sha256:%s' $hashes
        echo
    done >"$new/requirements"
    PIP_ROOT_USER_ACTION=ignore python3 -m pip install -q --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
        --target "$new/tree" -r "$new/requirements" >&2 || give_up "pip could not fetch $pins for this machine"
    rm -rf "$home"
    mv "$new/tree" "$home"
}

have python3 || apt_install python3
if [ ! -d "$home" ]; then
    mkdir -p "$cache"
    lock powershell
    [ -d "$home" ] || fetch
fi
PYTHONPATH=$home exec python3 - "$1" <<'PY'
import sys
import tree_sitter_powershell
from tree_sitter import Language, Parser

text = open(sys.argv[1], "rb").read()


def wrong(node):
    if node.type == "ERROR" or node.is_missing:
        yield node
    for child in node.children:
        yield from wrong(child)


tree = Parser(Language(tree_sitter_powershell.language())).parse(text)
places = [f"line {node.start_point[0] + 1}: {node.text.decode()[:60]}" for node in wrong(tree.root_node)]
sys.exit("\n".join(places) or 0)
PY
