# leave REASON: exit with its status.
leave() {
    status_of "$1"
    exit "${status}"
}
