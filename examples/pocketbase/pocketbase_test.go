package pocketbase_test

import (
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"testing"

	"connectrpc.com/connect"

	"github.com/sheaf-rpc/sheaf/bff"
	libraryv1 "github.com/sheaf-rpc/sheaf/gen/library/v1"
	"github.com/sheaf-rpc/sheaf/gen/library/v1/libraryv1connect"
	"github.com/sheaf-rpc/sheaf/internal/mutationtest"
	"github.com/sheaf-rpc/sheaf/internal/plantest"
)

// TestLibrary reads and writes a real PocketBase through the contract, with a generated client.
func TestLibrary(t *testing.T) {
	t.Parallel()
	upstream := start(t)
	books, author := upstream.fill(t)
	server, err := bff.Open(".", bff.WithLookupEnv(func(string) (string, bool) { return upstream.url, true }))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	front := httptest.NewServer(server.Handler())
	defer front.Close()
	client := libraryv1connect.NewLibraryServiceClient(front.Client(), front.URL)

	t.Run("get", func(t *testing.T) { checkGet(t, client, books, author) })
	t.Run("list", func(t *testing.T) { checkList(t, client) })
	t.Run("create", func(t *testing.T) { checkCreate(t, client, author) })
}

// TestTruth changes every value of every answer of PocketBase in turn: never is there another value than before without a
// report.
func TestTruth(t *testing.T) {
	t.Parallel()
	upstream := start(t)
	books, author := upstream.fill(t)
	target, err := url.Parse(upstream.url)
	if err != nil {
		t.Fatal(err)
	}
	api := mutationtest.New()
	proxy := httptest.NewServer(api.Wrap(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Header.Set("Accept-Encoding", "identity") // so that answers can be read
	}}))
	defer proxy.Close()
	api.Open(t, plantest.Patient(t, os.DirFS(".")), func(string) (string, bool) { return proxy.URL, true })
	tried := 0
	for _, one := range []mutationtest.Case{
		{RPC: "GetBook", Request: `{"bookId": "` + books["Algebra"] + `"}`, Response: (*libraryv1.GetBookResponse)(nil)},
		{RPC: "ListBooks", Request: `{"page": 1, "pageSize": 2}`, Response: (*libraryv1.ListBooksResponse)(nil)},
		{RPC: "CreateBook", Request: `{"title": "Elements", "year": 1850, "authorId": "` + author + `"}`, Response: (*libraryv1.CreateBookResponse)(nil)},
	} {
		one.Plausible = func(change mutationtest.Change) bool { return change.Field == ".book_id" && change.Path != ".id" } // each run creates another
		tried += api.Try(t, one)
	}
	t.Logf("tried %d mutations", tried)
	const least = 200
	if tried < least {
		t.Errorf("tried %d mutations, want at least %d", tried, least)
	}
}

func checkGet(t *testing.T, client libraryv1connect.LibraryServiceClient, books map[string]string, author string) {
	t.Helper()
	response, err := client.GetBook(t.Context(), connect.NewRequest(&libraryv1.GetBookRequest{BookId: books["Algebra"]}))
	if err != nil {
		t.Fatal(err)
	}
	book := response.Msg.GetBook()
	if book.GetTitle() != "Algebra" || book.GetYear() != 1843 || book.GetAuthor().GetName() != "Ada Writer" || book.GetAuthor().GetId() != author {
		t.Errorf("book = %v", book)
	}
	if book.GetAddedAt().GetSeconds() == 0 || len(book.GetSubjects()) != 2 || response.Msg.GetPartial() != nil {
		t.Errorf("response = %v", response.Msg)
	}
	anonymous, err := client.GetBook(t.Context(), connect.NewRequest(&libraryv1.GetBookRequest{BookId: books["Botany"]}))
	if err != nil {
		t.Fatal(err)
	}
	if anonymous.Msg.GetBook().GetAuthor() != nil || anonymous.Msg.GetPartial() != nil {
		t.Errorf("response = %v, want a book without an author and nothing missing", anonymous.Msg)
	}
	_, err = client.GetBook(t.Context(), connect.NewRequest(&libraryv1.GetBookRequest{BookId: "no-such-book"}))
	if connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("error = %v, want not_found", err)
	}
}

func checkList(t *testing.T, client libraryv1connect.LibraryServiceClient) {
	t.Helper()
	var titles []string
	for page := int32(1); page <= 2; page++ {
		response, err := client.ListBooks(t.Context(), connect.NewRequest(&libraryv1.ListBooksRequest{Page: page, PageSize: 2}))
		if err != nil {
			t.Fatal(err)
		}
		if response.Msg.GetTotalSize() != 3 || response.Msg.GetPartial() != nil {
			t.Errorf("page %d = %v", page, response.Msg)
		}
		for _, book := range response.Msg.GetBooks() {
			titles = append(titles, book.GetTitle())
		}
	}
	if len(titles) != 3 || titles[0] != "Algebra" || titles[2] != "Chemistry" {
		t.Errorf("titles = %v", titles)
	}
}

func checkCreate(t *testing.T, client libraryv1connect.LibraryServiceClient, author string) {
	t.Helper()
	created, err := client.CreateBook(t.Context(), connect.NewRequest(&libraryv1.CreateBookRequest{
		Title: "Dynamics", Year: 1950, AuthorId: &author, Subjects: []string{"motion"},
	}))
	if err != nil {
		t.Fatal(err)
	}
	read, err := client.GetBook(t.Context(), connect.NewRequest(&libraryv1.GetBookRequest{BookId: created.Msg.GetBookId()}))
	if err != nil {
		t.Fatal(err)
	}
	if read.Msg.GetBook().GetTitle() != "Dynamics" || read.Msg.GetBook().GetSubjects()[0] != "motion" {
		t.Errorf("book = %v", read.Msg.GetBook())
	}
	// PocketBase refuses a book without a title, field by field; the client learns that its values were refused.
	_, err = client.CreateBook(t.Context(), connect.NewRequest(&libraryv1.CreateBookRequest{Year: 7}))
	if connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("error = %v, want invalid_argument", err)
	}
}
