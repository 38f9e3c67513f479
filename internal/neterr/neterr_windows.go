package neterr

import "golang.org/x/sys/windows"

func refused() []error { return []error{windows.WSAECONNREFUSED} }

func broken() []error {
	return []error{windows.WSAECONNRESET, windows.WSAECONNABORTED, windows.WSAESHUTDOWN, windows.ERROR_BROKEN_PIPE, windows.ERROR_NETNAME_DELETED}
}

func exhausted() []error {
	return []error{windows.WSAEMFILE, windows.WSAENOBUFS, windows.WSAEADDRINUSE, windows.WSAEADDRNOTAVAIL}
}
