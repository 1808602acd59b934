# SPDX-License-Identifier: Apache-2.0
#
# Throw-away PostgreSQL servers for tests and the demo. A library for sh:
#
#   . tests/support/pgtmp.sh
#   port=$(pgtmp_start DIR [OPTION=VALUE ...])   start a server whose files live in DIR (created); prints its TCP port
#   pgtmp_stop DIR                               stop it and remove its data; harmless when it does not run
#   pgtmp_psql DIR [psql options]                psql as the superuser through DIR/sock (trusted)
#
# Options of pgtmp_start:
#   auth=METHOD     pg_hba method for TCP (default scram-sha-256); the unix socket in DIR/sock is always trusted
#   tls=no|yes|only TLS with DIR/server.crt signed by DIR/ca.pem, names localhost and 127.0.0.1 (default no)
#   log=all         log every statement to DIR/log
#   port=N          a fixed port instead of a free one
#   password=TEXT   password of the superuser postgres (default: postgres)
#   conf=LINE       a line for postgresql.conf (may be repeated)
#
# Runs as an unprivileged user even for root (PGTMP_USER, default postgres, else nobody). PGTMP_BIN names the folder
# of initdb and pg_ctl; the default is PostgreSQL 15 where it is installed, else the newest.

pgtmp_bin() {
	if [ -n "${PGTMP_BIN:-}" ]; then
		echo "$PGTMP_BIN"
		return
	fi
	for _b in /usr/lib/postgresql/15/bin $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t/ -k5,5nr); do
		[ -x "$_b/initdb" ] && { echo "$_b"; return; }
	done
	dirname "$(command -v initdb)"
}

# Run a command as the unprivileged owner of the server.
pgtmp_as() {
	if [ "$(id -u)" -ne 0 ]; then
		"$@"
		return
	fi
	_u=${PGTMP_USER:-postgres}
	id "$_u" >/dev/null 2>&1 || _u=nobody
	_g=$(id -gn "$_u")
	if command -v setpriv >/dev/null 2>&1; then
		setpriv --reuid="$_u" --regid="$_g" --clear-groups -- env HOME=/nonexistent "$@"
	else
		_q=
		for _a; do
			_q="$_q '$(printf %s "$_a" | sed "s/'/'\\\\''/g")'"
		done
		su -s /bin/sh "$_u" -c "exec $_q"
	fi
}

pgtmp_random_port() {
	echo $((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
}

# A CA and a server certificate, both fresh: nothing in the repository is a key.
pgtmp_certs() {
	(
		cd "$1" || exit 1
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 7 -subj "/CN=pgtmp test CA" \
			-keyout ca.key -out ca.pem &&
			openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=localhost" \
				-keyout server.key -out server.csr &&
			printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' > server.ext &&
			openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 7 \
				-extfile server.ext -out server.crt
	) >"$1/openssl.log" 2>&1 && chmod 600 "$1/server.key" "$1/ca.key"
}

pgtmp_conf() {
	_d=$1 _tls=$2 _log=$3
	cat <<-EOT
		listen_addresses = '127.0.0.1'
		unix_socket_directories = '$_d/sock'
		fsync = off
		synchronous_commit = off
		full_page_writes = off
		max_connections = 100
		shared_buffers = 16MB
		dynamic_shared_memory_type = mmap
		logging_collector = off
		log_line_prefix = '%p %a %q%u@%d '
		password_encryption = 'scram-sha-256'
	EOT
	[ "$_log" = all ] && echo "log_statement = 'all'"
	[ "$_tls" = no ] || printf "ssl = on\nssl_cert_file = '%s/server.crt'\nssl_key_file = '%s/server.key'\n" "$_d" "$_d"
}

pgtmp_start() (
	dir=$1
	shift
	auth=scram-sha-256 tls=no log=none port= password=postgres conf=
	for o; do
		case $o in
		auth=*) auth=${o#*=} ;;
		tls=*) tls=${o#*=} ;;
		log=*) log=${o#*=} ;;
		port=*) port=${o#*=} ;;
		password=*) password=${o#*=} ;;
		conf=*) conf="$conf${o#*=}
" ;;
		*) echo "pgtmp_start: unknown option $o" >&2; exit 2 ;;
		esac
	done
	bin=$(pgtmp_bin)
	mkdir -p "$dir" && dir=$(cd "$dir" && pwd) || exit 1
	[ "$tls" = no ] || pgtmp_certs "$dir" || { cat "$dir/openssl.log" >&2; exit 1; }
	printf '%s\n' "$password" > "$dir/pw"
	mkdir -p "$dir/sock"
	if [ "$(id -u)" -eq 0 ]; then
		u=${PGTMP_USER:-postgres}
		id "$u" >/dev/null 2>&1 || u=nobody
		chmod 711 "$dir"
		chown -R "$u" "$dir"
	fi
	pgtmp_as test -w "$dir" || { echo "pgtmp_start: $dir is not reachable for the server's user" >&2; exit 1; }
	pgtmp_as "$bin/initdb" -N -D "$dir/data" -U postgres -A "$auth" --auth-local=trust --pwfile="$dir/pw" \
		-E UTF8 --locale=C.UTF-8 >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }
	rm -f "$dir/pw"
	{ pgtmp_conf "$dir" "$tls" "$log"; printf %s "$conf"; } >> "$dir/data/postgresql.conf"
	[ "$tls" != only ] || sed -i 's/^host /hostssl /' "$dir/data/pg_hba.conf"
	try=0
	while :; do
		p=${port:-$(pgtmp_random_port)}
		# descriptors are closed: a server must not keep a caller's pipes open
		if pgtmp_as "$bin/pg_ctl" -s -w -t 30 -D "$dir/data" -l "$dir/log" -o "-p $p" start \
			>/dev/null 2>"$dir/start.log" </dev/null; then
			echo "$p" > "$dir/port"
			echo "$p"
			exit 0
		fi
		try=$((try + 1))
		if [ -n "$port" ] || [ $try -ge 8 ]; then
			cat "$dir/start.log" "$dir/log" >&2
			exit 1
		fi
	done
)

pgtmp_stop() {
	_sd=$(cd "$1" 2>/dev/null && pwd) || return 0
	[ -f "$_sd/data/postmaster.pid" ] &&
		pgtmp_as "$(pgtmp_bin)/pg_ctl" -s -w -t 30 -m immediate -D "$_sd/data" stop >/dev/null 2>&1
	rm -rf "$_sd/data"
	return 0
}

pgtmp_psql() {
	_pd=$(cd "$1" && pwd) || return 1
	shift
	PGOPTIONS='' "$(pgtmp_bin)/psql" -X -q -h "$_pd/sock" -p "$(cat "$_pd/port")" -U postgres "$@"
}
