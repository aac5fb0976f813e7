# Gets jars by Maven, once. Sourced by scripts that have set `name` (what .cache and messages call it) and `here` (the
# folder with their pom.xml). Sets `lib`, the folder of the jars; defines `die` and `fetch`.
cache="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.cache/$name"
lib="$cache/$(sha256sum "$here/pom.xml" | cut -c1-12)"

die() { echo "$name: $*" >&2; exit 1; }

fetch() {
  [ -d "$lib" ] && return
  command -v mvn >/dev/null || die "Maven is missing; it gets the jars of $name. On Debian: apt-get install maven"
  mkdir -p "$cache"
  local new
  new="$(mktemp -d "$cache/new.XXXXXX")"
  mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
    -DoutputDirectory="$new" >"$new.log" 2>&1 || { cat "$new.log" >&2; die "Maven could not get the jars"; }
  rm -f "$new.log"
  # Whoever renames first wins; both have the same jars.
  mv -T "$new" "$lib" 2>/dev/null || rm -rf "$new"
}
