package failover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	pb "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// errRouted says that a gateway would have a request answered by a node.
var errRouted = errors.New("the request is handed on")

// direct asks one gateway of several, in the way in which Envoy does.
type direct struct {
	client pb.ExternalProcessorClient
	key    string
}

func (w *world) gateway(number int) direct {
	GinkgoHelper()
	conn, err := grpc.NewClient("unix:"+w.Socket(number), grpc.WithTransportCredentials(insecure.NewCredentials()))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { _ = conn.Close() })
	return direct{pb.NewExternalProcessorClient(conn), w.MasterKey()}
}

func (d direct) as(key string) direct { return direct{d.client, key} }

// send sends a request that the gateway answers itself, with further headers, each as name and value.
func (d direct) send(ctx context.Context, method, path, body string, headers ...string) (answer, error) {
	stream, err := d.client.Process(ctx)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = stream.CloseSend() }()
	list := []*core.HeaderValue{}
	for i, all := 0, append([]string{
		":method", method, ":path", path, "authorization", "Bearer " + d.key, "content-type", "application/json", "x-request-id", "direct",
	}, headers...); i < len(all); i += 2 {
		list = append(list, &core.HeaderValue{Key: strings.ToLower(all[i]), RawValue: []byte(all[i+1])})
	}
	err = stream.Send(&pb.ProcessingRequest{Request: &pb.ProcessingRequest_RequestHeaders{
		RequestHeaders: &pb.HttpHeaders{Headers: &core.HeaderMap{Headers: list}, EndOfStream: body == ""},
	}})
	if err == nil && body != "" {
		err = stream.Send(&pb.ProcessingRequest{Request: &pb.ProcessingRequest_RequestBody{
			RequestBody: &pb.HttpBody{Body: []byte(body), EndOfStream: true},
		}})
	}
	if err != nil && !errors.Is(err, io.EOF) { // it is answered before its body was sent
		return answer{}, err
	}
	got, err := stream.Recv()
	if err != nil {
		return answer{}, err
	}
	r := got.GetImmediateResponse()
	if r == nil {
		return answer{}, errRouted
	}
	a := answer{status: int(r.GetStatus().GetCode()), header: http.Header{}, body: string(r.GetBody())}
	for _, h := range r.GetHeaders().GetSetHeaders() {
		a.header.Set(h.GetHeader().GetKey(), string(h.GetHeader().GetRawValue()))
	}
	return a, nil
}

// must is send for a request that gets an answer.
func (d direct) must(ctx context.Context, method, path, body string, headers ...string) answer {
	GinkgoHelper()
	a, err := d.send(ctx, method, path, body, headers...)
	Expect(err).NotTo(HaveOccurred())
	return a
}

// hits are the ids that a search finds.
func (a answer) hits() (ids []string) {
	GinkgoHelper()
	Expect(a.status).To(Equal(http.StatusOK), a.body)
	var page struct{ Hits []struct{ ID string } }
	Expect(json.Unmarshal([]byte(a.body), &page)).To(Succeed())
	for _, h := range page.Hits {
		ids = append(ids, h.ID)
	}
	return ids
}

// instant is a time in a task.
func instant(text string) time.Time {
	GinkgoHelper()
	t, err := time.Parse(time.RFC3339Nano, text)
	Expect(err).NotTo(HaveOccurred())
	return t
}

func document(id, text string) string { return fmt.Sprintf(`[{"id":%q,"text":%q}]`, id, text) }
