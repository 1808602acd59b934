#!/bin/sh
# Fetches JSch, the SSH client inside DBeaver and other tools, into a cache and prints the path of its jar. Debian's
# package of 2018 knows none of the algorithms that a gateway offers today.
# Usage: tests/drivers/jsch.sh      (cache: $SP_IDP_CACHE, else ${XDG_CACHE_HOME:-~/.cache}/sallyport-tests)
set -eu
version=2.28.8
sum=2afca1357d816028f2ac33f22407d2488a68406682973949cebb1b8ea6688a8b
cache=${SP_IDP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sallyport-tests}
jar=$cache/jsch-$version.jar
if [ ! -e "$jar" ]; then
    [ -e /usr/share/java/ivy.jar ] || {
        echo "tests/drivers/jsch.sh: ivy is missing; share/install-deps.sh test installs it" >&2
        exit 1
    }
    mkdir -p "$cache"
    new=$(mktemp -d "$cache/new.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    java -jar /usr/share/java/ivy.jar -cache "$new/ivy" -dependency com.github.mwiede jsch $version -confs default \
        -retrieve "$new/[artifact].[ext]" > "$new/log" 2>&1 && echo "$sum  $new/jsch.jar" | sha256sum -c > "$new/sum" 2>&1 || {
        tail -5 "$new/log" >&2
        echo "tests/drivers/jsch.sh: JSch $version could not be fetched, or is not what it was" >&2
        exit 1
    }
    mv "$new/jsch.jar" "$jar"
fi
echo "$jar"
