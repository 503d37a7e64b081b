# What the stand-ins for JindoCache share; /jindocache.cfg is what the chart gives the pods.

# A property of the configuration.
property() {
    sed -n "s/^$1 = //p" /jindocache.cfg | head -n 1
}

# Where the master keeps what it knows, and the workers the cache.
meta=$(property namespace.meta-dir)
blocks=$(property storage.data-dirs)
blocks=${blocks%%,*}/blocks
# One mount per line: path, source. The master serves it to the others on its port.
table=$meta/www/mounts

# The table, as the master tells it. There is no DNS: all share the network of the one node.
fetch_table() {
    port=$(sed -n 's/^fs.jindocache.namespace.rpc.address = .*://p' /jindocache.cfg | head -n 1)
    wget -q -O - "http://127.0.0.1:$port/mounts"
}
