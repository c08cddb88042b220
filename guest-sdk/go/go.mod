module reprise.dev/guest

go 1.24
