package rawjson

// AppendWithout appends the object that starts the text, without the members that drop says yes to. What stays is copied
// as it stands, white space between members aside.
func AppendWithout(dst, object []byte, drop func(key, value []byte) bool) []byte {
	dst = append(dst, '{')
	first := true
	EachMember(object, func(key, value []byte) bool {
		if drop(key, value) {
			return true
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(append(dst, key...), ':')
		dst = append(dst, value...)
		return true
	})
	return append(dst, '}')
}
