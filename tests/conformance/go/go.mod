module reprise.dev/conformance

go 1.24

require reprise.dev/guest v0.1.0

replace reprise.dev/guest => ../../../guest-sdk/go
