package accesslog

// timeWidth is the length of 10/Oct/2026:13:55:36 +0200.
const timeWidth = 26

// timeShaped reports whether text, of that length, has the separators of a time.
func timeShaped(t []byte) bool {
	return t[2] == '/' && t[6] == '/' && t[11] == ':' && t[14] == ':' && t[17] == ':' && t[20] == ' ' && (t[21] == '+' || t[21] == '-')
}

// parseTime reads what is so shaped as seconds since 1970. It is written out
// because every line has one, and time.Parse takes ten times as long.
func parseTime(t []byte) (int64, bool) {
	day, ok1 := digits(t[0:2])
	month, ok2 := monthOf(t[3:6])
	year, ok3 := digits(t[7:11])
	hour, ok4 := digits(t[12:14])
	minute, ok5 := digits(t[15:17])
	second, ok6 := digits(t[18:20])
	zoneHour, ok7 := digits(t[22:24])
	zoneMinute, ok8 := digits(t[24:26])
	numbers := ok1 && ok2 && ok3 && ok4 && ok5 && ok6 && ok7 && ok8
	if !numbers {
		return 0, false
	}
	// A leap second is 60; it counts as the next one.
	if day < 1 || day > daysOf(year, month) || hour > 23 || minute > 59 || second > 60 || zoneHour > 23 || zoneMinute > 59 {
		return 0, false
	}
	offset := zoneHour*3600 + zoneMinute*60
	if t[21] == '-' {
		offset = -offset
	}
	return daysSince1970(year, month, day)*86400 + int64(hour*3600+minute*60+second-offset), true
}

// digits reads a number of that many digits.
func digits(text []byte) (int, bool) {
	n := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, true
}

// monthOf reads the English short name of a month, 1 to 12.
func monthOf(name []byte) (int, bool) {
	switch string(name) {
	case "Jan":
		return 1, true
	case "Feb":
		return 2, true
	case "Mar":
		return 3, true
	case "Apr":
		return 4, true
	case "May":
		return 5, true
	case "Jun":
		return 6, true
	case "Jul":
		return 7, true
	case "Aug":
		return 8, true
	case "Sep":
		return 9, true
	case "Oct":
		return 10, true
	case "Nov":
		return 11, true
	case "Dec":
		return 12, true
	}
	return 0, false
}

func daysOf(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysSince1970 counts days of the Gregorian calendar. Years begin in March,
// so that a leap day is the last of its year.
func daysSince1970(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	// 153 days are the five months from March to July; 719,469 are those from
	// 1 March of year 0 to 1 January 1970, and one since days count from 1.
	days := 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day
	return int64(days - 719_469)
}
