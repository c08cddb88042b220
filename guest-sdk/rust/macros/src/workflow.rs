//! The expansion of `#[workflow]`: the function itself, and on Wasm the exports `run` and `handle` around it.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Error, Ident, ItemFn, Path, Token, parenthesized,
    parse::{Parse, ParseStream},
    parse_quote,
    punctuated::Punctuated,
    spanned::Spanned,
};

/// What stands in the parentheses of the attribute.
struct Arguments {
    handlers: Vec<Path>,
}

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let Arguments { handlers } = syn::parse2(attribute)?;
    let mut function: ItemFn = syn::parse2(item)?;
    check(&function)?;
    let name = function.sig.ident.clone();
    let table = table(&handlers)?;
    function.block.stmts.insert(0, parse_quote!(::reprise_guest::entry::install(#table);));
    Ok(quote! {
        #function

        // Elsewhere only tests call it; it counts as used all the same.
        #[cfg(not(target_arch = "wasm32"))]
        const _: () = {
            let _ = #name;
        };

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;

            impl ::reprise_guest::bindings::Guest for Component {
                fn run(
                    input: ::std::vec::Vec<u8>,
                ) -> ::std::result::Result<
                    ::std::vec::Vec<u8>,
                    ::reprise_guest::bindings::reprise::workflow::types::Failure,
                > {
                    ::reprise_guest::entry::run(#name, input)
                }

                fn handle(
                    phase: ::reprise_guest::bindings::reprise::workflow::types::Phase,
                    branch: u32,
                    name: ::std::string::String,
                    payload: ::std::vec::Vec<u8>,
                ) -> ::std::result::Result<(), ::reprise_guest::bindings::reprise::workflow::types::Failure> {
                    ::reprise_guest::entry::handle(#table, phase, branch, &name, payload)
                }
            }

            ::reprise_guest::bindings::export!(Component with_types_in ::reprise_guest::bindings);
        };
    })
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.is_empty() {
            return Ok(Self { handlers: Vec::new() });
        }
        let word: Ident = input.parse()?;
        if word != "handlers" {
            return Err(Error::new(word.span(), "expected `handlers(function, ..)`"));
        }
        let list;
        parenthesized!(list in input);
        let handlers = Punctuated::<Path, Token![,]>::parse_terminated(&list)?;
        Ok(Self { handlers: handlers.into_iter().collect() })
    }
}

fn check(function: &ItemFn) -> syn::Result<()> {
    let signature = &function.sig;
    let mistake = if signature.asyncness.is_none() {
        "a workflow is an `async fn`"
    } else if signature.inputs.len() != 2 {
        "a workflow takes two parameters: `tx: &Transaction` and its input"
    } else if !signature.generics.params.is_empty() {
        "a workflow has no generic parameters: its input and output are known types"
    } else {
        return Ok(());
    };
    Err(Error::new(signature.span(), mistake))
}

/// The handlers by the names that branches register, each behind a function of one type.
fn table(handlers: &[Path]) -> syn::Result<TokenStream> {
    let rows = handlers.iter().map(|path| {
        let last = path.segments.last().ok_or_else(|| Error::new(path.span(), "expected the name of a function"))?;
        let name = last.ident.to_string();
        Ok(quote!((#name, |phase, branch, payload| ::reprise_guest::entry::boxed(#path, phase, branch, payload))))
    });
    let rows = rows.collect::<syn::Result<Vec<_>>>()?;
    Ok(quote!({
        const HANDLERS: &[::reprise_guest::entry::Handler] = &[#(#rows),*];
        HANDLERS
    }))
}
