package process

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Rights to a job object, of winnt.h.
const (
	jobSetAttributes = 0x02
	jobQuery         = 0x04
	jobTerminate     = 0x08
	jobAssign        = 0x01
)

// jobName is where the next controller, and the meter, find the job of a
// process. It exists as long as somebody has the job open.
func jobName(pid int, seen string) (*uint16, error) {
	return windows.UTF16PtrFromString(fmt.Sprintf(`Local\flyball-%d-%s`, pid, seen))
}

// newJobObject makes a job. With dieWithController the system ends all in it
// with this process, which is the only one to have it open.
func newJobObject(pid int, seen string, dieWithController bool) (windows.Handle, error) {
	name, err := jobName(pid, seen)
	if err != nil {
		return 0, err
	}
	job, err := windows.CreateJobObject(nil, name)
	if err != nil {
		return 0, fmt.Errorf("make a job object: %w", err)
	}
	if !dieWithController {
		return job, nil
	}
	var limits windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	limits.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	if err != nil {
		return 0, errors.Join(fmt.Errorf("limit the job object: %w", err), windows.CloseHandle(job))
	}
	return job, nil
}

// openJobObject finds the job of a process.
func openJobObject(pid int, seen string) (windows.Handle, error) {
	name, err := jobName(pid, seen)
	if err != nil {
		return 0, err
	}
	open := windows.NewLazySystemDLL("kernel32.dll").NewProc("OpenJobObjectW")
	const access = jobAssign | jobSetAttributes | jobQuery | jobTerminate
	job, _, err := open.Call(access, 0, uintptr(unsafe.Pointer(name)))
	if job == 0 {
		return 0, fmt.Errorf("open the job object of process %d: %w", pid, err)
	}
	return windows.Handle(job), nil
}

// shareJob gives a process a handle to its own job, so that the job keeps its
// name when this controller ends.
func shareJob(job, process windows.Handle) error {
	var theirs windows.Handle
	err := windows.DuplicateHandle(windows.CurrentProcess(), job, process, &theirs, jobQuery, false, 0)
	if err != nil {
		return fmt.Errorf("share the job object: %w", err)
	}
	return nil
}

// accounting is JOBOBJECT_BASIC_ACCOUNTING_INFORMATION: what all that ever was
// in the job has used. Times are in steps of 100 ns.
type accounting struct {
	TotalUserTime, TotalKernelTime           int64
	ThisPeriodUserTime, ThisPeriodKernelTime int64
	PageFaults, TotalProcesses               uint32
	ActiveProcesses, TerminatedProcesses     uint32
}

func accountingOf(job windows.Handle) (accounting, error) {
	var use accounting
	err := windows.QueryInformationJobObject(job, windows.JobObjectBasicAccountingInformation,
		uintptr(unsafe.Pointer(&use)), uint32(unsafe.Sizeof(use)), nil)
	return use, err
}

func (a accounting) cpu() time.Duration {
	return time.Duration(a.TotalUserTime+a.TotalKernelTime) * 100
}

// maxJobProcesses bounds what is listed of a job.
const maxJobProcesses = 1024

// processesOf lists the processes in a job, the first maxJobProcesses of them.
func processesOf(job windows.Handle) ([]uint32, error) {
	var list struct { // JOBOBJECT_BASIC_PROCESS_ID_LIST
		assigned, listed uint32
		ids              [maxJobProcesses]uintptr
	}
	err := windows.QueryInformationJobObject(job, windows.JobObjectBasicProcessIdList,
		uintptr(unsafe.Pointer(&list)), uint32(unsafe.Sizeof(list)), nil)
	if err != nil && !errors.Is(err, windows.ERROR_MORE_DATA) {
		return nil, err
	}
	pids := make([]uint32, min(list.listed, maxJobProcesses))
	for i := range pids {
		pids[i] = uint32(list.ids[i])
	}
	return pids, nil
}
