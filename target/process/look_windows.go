package process

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/windows"
)

// look tells a process from a later one with the same number, by the time of
// its creation, and whether it has ended. One that has ended is there as long
// as somebody has a handle to it.
func look(pid int) (identity string, dead bool, err error) {
	handle, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION|windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return "", false, fmt.Errorf("process %d: %w", pid, err)
	}
	defer windows.CloseHandle(handle)
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(handle, &created, &exited, &kernel, &user); err != nil {
		return "", false, fmt.Errorf("process %d: %w", pid, err)
	}
	return strconv.FormatInt(created.Nanoseconds(), 10), ended(handle), nil
}

func ended(process windows.Handle) bool {
	event, err := windows.WaitForSingleObject(process, 0)
	return err == nil && event == windows.WAIT_OBJECT_0
}
