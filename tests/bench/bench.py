#!/usr/bin/python3
"""Side by side, interleaved, in one run: straight to PostgreSQL, through ssh -L of OpenSSH's sshd, through ssh -L of
Sallyport with everything on. One JSON line a figure: {"bench":..., "sallyport":..., "sshd":..., "direct":..., "ratio":...}.
ratio is sallyport against sshd; for costs (CPU, memory) lower is better, for rates higher is.
Usage: tests/bench/bench.py BUILD-DIR [NAME-PART ...]     Environment: BENCH_SECONDS (3), BENCH_ROUNDS (3)"""
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SECONDS = int(os.environ.get('BENCH_SECONDS', '3'))
ROUNDS = int(os.environ.get('BENCH_ROUNDS', '3'))
HZ = os.sysconf('SC_CLK_TCK')
WAYS = ('direct', 'sshd', 'sallyport')


def sh(cmd, **kw):
    return subprocess.run(['bash', '-c', cmd], check=True, capture_output=True, text=True, **kw).stdout


def emit(bench, values, lower_is_better=False, **more):
    a, b = values.get('sallyport'), values.get('sshd')
    line = {'bench': bench, 'sallyport': a, 'sshd': b, 'direct': values.get('direct'),
            'ratio': round(a / b, 3) if a is not None and b else None, 'better': 'lower' if lower_is_better else 'higher'}
    line.update(more)
    print(json.dumps(line), flush=True)


def free_port():
    s = socket.socket()
    s.bind(('127.0.0.1', 0))
    port = s.getsockname()[1]
    s.close()
    return port


def children(pid):
    try:
        return [int(p) for p in open('/proc/%d/task/%d/children' % (pid, pid)).read().split()]
    except OSError:
        return []


def tree(pid):
    out = [pid]
    for c in children(pid):
        out += tree(c)
    return out


def cpu_s(pid):
    """CPU seconds of the process and of its children that have ended."""
    try:
        f = open('/proc/%d/stat' % pid).read().rsplit(')', 1)[1].split()
        run = int(open('/proc/%d/schedstat' % pid).read().split()[0]) / 1e9
    except OSError:
        return 0.0
    return run + (int(f[13]) + int(f[14])) / HZ


def cpu_tree(pid):
    return sum(cpu_s(p) for p in tree(pid))


def pss_kib(pid):
    for line in open('/proc/%d/smaps_rollup' % pid):
        if line.startswith('Pss:'):
            return int(line.split()[1])
    return 0


class Lab:
    def __init__(self, build):
        self.dir = tempfile.mkdtemp(prefix='sallyport-bench.')
        self.build = build
        self.procs = []

    def start(self):
        env = dict(os.environ, LAB_PG_TLS='no')
        sh('. %s/share/lab/lab.sh && lab_start %s %s conf=shared_buffers=256MB conf=fsync=off conf=max_connections=200 '
           'conf=log_statement=none > %s/lab.out 2>&1 || { cat %s/lab.out >&2; exit 1; }'
           % (TOP, self.dir, self.build, self.dir, self.dir), env=env)
        text = open(self.dir + '/env.sh').read()
        self.env = dict(re.findall(r"export (\w+)='([^']*)'", text))
        self.pg_port = int(re.search(r':(\d+)/', self.env['SP_PG_DIRECT']).group(1))
        self.gateway = int(open(self.dir + '/gateway.pid').read())
        self.data()
        self.sshd()
        self.tunnels()

    def data(self):
        d = self.env['SP_PG_DIRECT']
        env = dict(os.environ, PGPASSWORD='lab-super')
        sh('pgbench -i -q -s 10 -h 127.0.0.1 -p %d -U postgres orders' % self.pg_port, env=env)
        sh("psql -X -q '%s' -c 'GRANT ALL ON ALL TABLES IN SCHEMA public TO app_rw, app_ro'" % d)

    def sshd(self):
        d = self.dir
        self.sshd_port = free_port()
        sh("ssh-keygen -q -t ed25519 -N '' -f %s/sshd_key && ssh-keygen -q -t ed25519 -N '' -f %s/sshd_user" % (d, d))
        sh('mkdir -p /run/sshd && cp %s/sshd_user.pub %s/authorized_keys && chmod 600 %s/authorized_keys' % (d, d, d))
        with open(d + '/sshd_config', 'w') as f:
            f.write('Port %d\nListenAddress 127.0.0.1\nHostKey %s/sshd_key\nAuthorizedKeysFile %s/authorized_keys\n'
                    'StrictModes no\nUsePAM no\nPermitRootLogin yes\nMaxStartups 200:30:400\nPidFile none\nUseDNS no\n'
                    % (self.sshd_port, d, d))
        p = subprocess.Popen(['/usr/sbin/sshd', '-D', '-f', d + '/sshd_config', '-E', d + '/sshd.log'])
        self.procs.append(p)
        self.sshd_pid = p.pid
        user = sh('id -un').strip()
        self.ssh = {
            'sshd': ['ssh', '-F', 'none', '-i', d + '/sshd_user', '-o', 'IdentitiesOnly=yes', '-o', 'StrictHostKeyChecking=no',
                     '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', '-p', str(self.sshd_port), user + '@127.0.0.1'],
            'sallyport': ['ssh', '-F', self.env['SP_SSH_CONFIG'], 'bastion-alice'],
        }
        self.dest = {'sshd': '127.0.0.1:%d' % self.pg_port, 'sallyport': 'orders-prod:5432'}
        self.root = {'sshd': self.sshd_pid, 'sallyport': self.gateway}
        time.sleep(0.5)

    def tunnels(self):
        self.port = {'direct': self.pg_port}
        for way in ('sshd', 'sallyport'):
            port = free_port()
            p = subprocess.Popen(self.ssh[way][:1] + ['-N', '-L', '%d:%s' % (port, self.dest[way])] + self.ssh[way][1:],
                                 stdin=subprocess.DEVNULL)
            self.procs.append(p)
            self.port[way] = port
            for _ in range(100):
                try:
                    socket.create_connection(('127.0.0.1', port), 1).close()
                    break
                except OSError:
                    time.sleep(0.05)

    def stop(self):
        for p in self.procs:
            p.send_signal(signal.SIGTERM)
        for p in self.procs:
            p.wait()
        sh('. %s/share/lab/lab.sh; lab_stop %s; chattr -R -a %s 2>/dev/null; rm -rf %s' % (TOP, self.dir, self.dir, self.dir))


def pgbench(lab, way, clients, mode):
    env = dict(os.environ, PGPASSWORD='lab-rw')
    before = cpu_tree(lab.root[way]) if way in lab.root else 0
    out = sh('pgbench -n -S -M %s -c %d -j %d -T %d -h 127.0.0.1 -p %d -U app_rw orders'
             % (mode, clients, min(clients, 2), SECONDS, lab.port[way]), env=env)
    used = (cpu_tree(lab.root[way]) if way in lab.root else 0) - before
    tps = float(re.search(r'tps = ([\d.]+)', out).group(1))
    n = int(re.search(r'transactions actually processed: (\d+)', out).group(1))
    return tps, used * 1e6 / n


def bench_pgbench(lab):
    for clients in (1, 8):
        for mode in ('simple', 'extended', 'prepared'):
            tps = {w: [] for w in WAYS}
            cpu = {w: [] for w in WAYS}
            for _ in range(ROUNDS):
                for way in WAYS:
                    t, c = pgbench(lab, way, clients, mode)
                    tps[way].append(t)
                    cpu[way].append(c)
            name = 'pgbench-S c=%d %s' % (clients, mode)
            emit(name + ' tps', {w: round(statistics.median(tps[w])) for w in WAYS})
            emit(name + ' server-cpu-us/tx', {w: round(statistics.median(cpu[w]), 1) for w in WAYS if w != 'direct'}, True)


def bench_bulk(lab):
    for name, sql in (('large SELECT MB/s', 'select * from pgbench_accounts'),
                      ('COPY TO STDOUT MB/s', 'copy pgbench_accounts to stdout')):
        rate = {w: [] for w in WAYS}
        cpu = {w: [] for w in WAYS}
        for _ in range(ROUNDS):
            for way in WAYS:
                before = cpu_tree(lab.root[way]) if way in lab.root else 0
                t0 = time.monotonic()
                out = subprocess.run(['bash', '-c', 'psql -X -q -A -t -v FETCH_COUNT=0 -h 127.0.0.1 -p %d -U app_rw -d orders -c "%s" | wc -c'
                                      % (lab.port[way], sql)], env=dict(os.environ, PGPASSWORD='lab-rw'), capture_output=True, text=True)
                mb = int(out.stdout.strip() or 0) / 1e6
                if mb < 1:
                    print('# %s through %s: %s' % (name, way, out.stderr.strip()[:300]), flush=True)
                rate[way].append(mb / (time.monotonic() - t0))
                if way in lab.root:
                    cpu[way].append((cpu_tree(lab.root[way]) - before) * 1e6 / max(mb, 0.001))
        emit(name, {w: round(statistics.median(rate[w]), 1) for w in WAYS})
        emit(name.replace('MB/s', 'server-cpu-us/MB'), {w: round(statistics.median(cpu[w])) for w in lab.root}, True)


def bench_setup(lab):
    n = 40
    rate, cpu = {}, {}
    for way in ('sshd', 'sallyport'):
        before = cpu_tree(lab.root[way])
        t0 = time.monotonic()
        for _ in range(n):
            subprocess.run(lab.ssh[way][:1] + ['-W', lab.dest[way]] + lab.ssh[way][1:], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        rate[way] = n / (time.monotonic() - t0)
        time.sleep(1.5)
        cpu[way] = (cpu_tree(lab.root[way]) - before) * 1e3 / n
    emit('ssh connections/s (one after the other)', {w: round(rate[w], 1) for w in rate})
    emit('ssh connection set-up server-cpu-ms', {w: round(cpu[w], 2) for w in cpu}, True)
    for way in WAYS:
        t0 = time.monotonic()
        for _ in range(20):
            subprocess.run(['psql', '-X', '-q', '-At', '-h', '127.0.0.1', '-p', str(lab.port[way]), '-U', 'app_rw', '-d', 'orders', '-c', 'select 1'],
                           env=dict(os.environ, PGPASSWORD='lab-rw'), stdout=subprocess.DEVNULL)
        rate[way] = 20 / (time.monotonic() - t0)
    emit('psql sessions/s through an open tunnel', {w: round(rate[w], 1) for w in WAYS})


def bench_memory(lab):
    n = 20
    pss = {}
    for way in ('sshd', 'sallyport'):
        before = {p: pss_kib(p) for p in tree(lab.root[way])}
        procs = [subprocess.Popen(lab.ssh[way][:1] + ['-N'] + lab.ssh[way][1:], stdin=subprocess.DEVNULL) for _ in range(n)]
        time.sleep(4)
        after = {p: pss_kib(p) for p in tree(lab.root[way])}
        new = [v for p, v in after.items() if p not in before]
        pss[way] = round(sum(new) / n) if new else None
        for p in procs:
            p.terminate()
        for p in procs:
            p.wait()
        time.sleep(0.5)
    emit('PSS KiB per idle connection', pss, True, limit=1024)


def main():
    lab = Lab(os.path.abspath(sys.argv[1]))
    parts = sys.argv[2:]
    try:
        lab.start()
        for name, fn in (('pgbench', bench_pgbench), ('bulk', bench_bulk), ('setup', bench_setup), ('memory', bench_memory)):
            if not parts or any(p in name for p in parts):
                fn(lab)
    finally:
        if os.environ.get('BENCH_KEEP'):
            print('# kept: ' + lab.dir)
        else:
            lab.stop()


main()
