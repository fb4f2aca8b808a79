package merge

// Reading from the end. A JSON text can be walked backwards without ambiguity as long as the walk starts outside of a
// string: a quote met there closes a string, and the string's opening quote is the nearest one before it that has an even
// number of backslashes in front. Every function takes the position behind a value and gives the position of its first
// byte, or -1.

func spaceBefore(b []byte, end int) int {
	for end > 0 && b[end-1] <= ' ' {
		end--
	}
	return end
}

func stringBefore(b []byte, end int) int {
	if end < 2 || b[end-1] != '"' {
		return -1
	}
	for i := end - 2; i >= 0; i-- {
		if b[i] != '"' {
			continue
		}
		slashes := 0
		for i-1-slashes >= 0 && b[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
	}
	return -1
}

func valueBefore(b []byte, end int) int {
	if end < 1 {
		return -1
	}
	switch b[end-1] {
	case '"':
		return stringBefore(b, end)
	case '}', ']':
		return nestedBefore(b, end)
	}
	i := end
	for i > 0 && !endsScalar[b[i-1]] && b[i-1] != '[' && b[i-1] != '{' && b[i-1] != '"' {
		i--
	}
	if i == end {
		return -1
	}
	return i
}

func nestedBefore(b []byte, end int) int {
	depth := 0
	for i := end; i > 0; {
		switch b[i-1] {
		case '"':
			if i = stringBefore(b, i); i < 0 {
				return -1
			}
			continue
		case '}', ']':
			depth++
		case '{', '[':
			depth--
			if depth == 0 {
				return i - 1
			}
		}
		i--
	}
	return -1
}

// lastMembers walks the members of the object that ends the body b, last member first, as long as visit wants more.
// stop decides, before a value is walked over, whether the walk ends here: it gets the position behind the value and the
// key of the member that follows it. ok is false for bytes that are not the end of an object.
func lastMembers(b []byte, stop func(end int, follower []byte) bool, visit func(key, value []byte) bool) (ok bool) {
	end := spaceBefore(b, len(b))
	if end == 0 || b[end-1] != '}' {
		return false
	}
	end = spaceBefore(b, end-1)
	if end > 0 && b[end-1] == '{' {
		return true
	}
	var follower []byte
	for {
		if stop(end, follower) {
			return true
		}
		start := valueBefore(b, end)
		if start < 0 {
			return false
		}
		colon := spaceBefore(b, start)
		if colon == 0 || b[colon-1] != ':' {
			return false
		}
		keyEnd := spaceBefore(b, colon-1)
		key := stringBefore(b, keyEnd)
		if key < 0 {
			return false
		}
		follower = b[key+1 : keyEnd-1]
		if !visit(follower, b[start:end]) {
			return true
		}
		end = spaceBefore(b, key)
		if end == 0 {
			return false
		}
		switch b[end-1] {
		case '{':
			return true
		case ',':
			end = spaceBefore(b, end-1)
		default:
			return false
		}
	}
}
