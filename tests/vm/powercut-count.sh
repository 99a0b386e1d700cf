# Runs in the virtual machine of powercut.sh: says what the database holds, counts on, and acknowledges each crossing that
# wayside reports, by the number of rows that there must be.
mkdir -p /var/lib/wayside && cd /var/lib/wayside || exit 1
rows=0 highest=0 integrity=ok
if [ -f wayside.db ]; then
    rows=$(sqlite3 wayside.db 'SELECT count(*) FROM crossing')
    highest=$(sqlite3 wayside.db 'SELECT coalesce(max(id), 0) FROM crossing')
    # Not by Debian's sqlite3 3.40, which calls sound tables WITHOUT ROWID damaged ("NULL value in gap.to_us").
    wayside check --db wayside.db | grep -q ': sound' || integrity=damaged
fi
n=$highest
RUST_LOG=warn,wayside=debug wayside run --config /etc/wayside/wayside.toml 2>&1 | while read -r line; do
    case $line in
    *'the first frame is here'*) echo "START max=$highest count=$rows integrity=$integrity" ;;
    *'road: middle '*' track '*) n=$((n + 1)); echo "ACK $n" ;;
    *) echo "$line" ;;
    esac
done
