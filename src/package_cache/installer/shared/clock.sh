# clock: set `now`, in hundredths of a second, without a process.
clock() {
    local up=''
    { read -r up _ </proc/uptime; } 2>/dev/null
    [ -n "${up}" ] || up=$(date +%s).00
    now=$((${up%.*} * 100 + 1${up#*.} - 100))
}
