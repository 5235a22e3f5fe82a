#!/usr/bin/env bash
# Runs OpenStack Swift with its S3 API on 127.0.0.1, with one replica in a temporary directory, until interrupted:
#
#   tests/s3/swift.sh > swift.env &            # once it is up, prints endpoint and keys as `export` lines
#   source swift.env && make s3                # the suite uses it instead of moto
#   kill %1
#
# Swift 2.30.1 (Debian 12) differs from S3 in two ways. It refuses conditional writes (501 NotImplemented), so osrmac
# checks for a lock before and after it writes one. It deletes several objects at once only with a Content-MD5, which
# botocore no longer sends, so objects are deleted one by one.
#
# The script installs nothing. On Debian: apt-get install swift-proxy swift-account swift-container swift-object memcached
set -euo pipefail

needed=(swift-ring-builder swift-proxy-server swift-account-server swift-container-server swift-object-server
    swift-object-updater memcached)
for program in "${needed[@]}"; do
    command -v "$program" > /dev/null || {
        echo "$program is not installed: apt-get install swift-proxy swift-account swift-container swift-object memcached" >&2
        exit 1
    }
done

base=${SWIFT_PORT:-6900} # the proxy; the other servers use the next four ports
folder=$(mktemp -d)
user=$(id -un)
children=()
stop() {
    trap - EXIT
    kill "${children[@]}" 2> /dev/null || true
    wait 2> /dev/null || true
    rm -rf "$folder"
}
trap stop EXIT
trap exit INT TERM
mkdir "$folder/disk"
# Swift stores the metadata of objects in extended attributes.
python3 -c "import os, sys; os.setxattr(sys.argv[1], 'user.swift', b'-')" "$folder/disk" || {
    echo "the file system of $folder has no extended attributes: set TMPDIR to a directory on another one" >&2
    exit 1
}

server() { # kind, port, additional configuration sections
    cat > "$folder/$1.conf" << CONF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $2
user = $user
swift_dir = $folder
devices = $folder
mount_check = false
workers = 1
container_update_timeout = 20
log_name = $1
log_level = WARNING
log_address = $folder/no-syslog
[pipeline:main]
pipeline = $1-server
[app:$1-server]
use = egg:swift#$1
$3
CONF
    (cd "$folder" && swift-ring-builder "$1.builder" create 4 1 0 \
        && swift-ring-builder "$1.builder" add "r1z1-127.0.0.1:$2/disk" 1 \
        && swift-ring-builder "$1.builder" rebalance) > "$folder/$1.ring.log"
}
server account $((base + 1)) ""
server container $((base + 2)) ""
server object $((base + 3)) "[object-updater]
interval = 5"

cat > "$folder/proxy.conf" << CONF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $base
user = $user
swift_dir = $folder
workers = 1
log_level = WARNING
log_address = $folder/no-syslog
[pipeline:main]
pipeline = catch_errors proxy-logging cache listing_formats bulk s3api tempauth slo dlo versioned_writes symlink proxy-logging proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
node_timeout = 30
conn_timeout = 5
recoverable_node_timeout = 30
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:proxy-logging]
use = egg:swift#proxy_logging
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$((base + 4))
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
[filter:symlink]
use = egg:swift#symlink
CONF

memcached -u "$user" -l 127.0.0.1 -p $((base + 4)) -m 64 2> "$folder/memcached.log" &
children+=($!)
for kind in account container object proxy; do
    "swift-$kind-server" "$folder/$kind.conf" > "$folder/$kind.log" 2>&1 &
    children+=($!)
done
swift-object-updater "$folder/object.conf" > "$folder/updater.log" 2>&1 &
children+=($!)

for _ in $(seq 60); do
    if (exec 3<> "/dev/tcp/127.0.0.1/$base") 2> /dev/null; then
        echo "export OSRMAC_S3_ENDPOINT=http://127.0.0.1:$base"
        echo "export AWS_ACCESS_KEY_ID=test:tester AWS_SECRET_ACCESS_KEY=testing AWS_DEFAULT_REGION=us-east-1"
        wait
        exit
    fi
    sleep 0.5
done
echo "Swift did not start:" >&2
tail -n 20 "$folder"/*.log >&2
exit 1
