//! How methods are called. These are macros because the generated methods borrow their store for the
//! life of their future; they are expanded in `instance.rs`, whose names they use.

/// Calls a method of a guest with all limits, once. This is a macro because the generated methods
/// borrow their store for the life of their future.
macro_rules! call {
    ($self:ident, $conversation:ident, $method:literal, $guest:ident => $call:expr) => {{
        let (pre, scope) = ($self.pre.clone(), $self.scope.clone());
        let site = || pre.site($method, &scope);
        let mut charge = pre.cpu.begin(&scope.namespace).await;
        $conversation.put_off(charge.waited);
        pre.admit(&scope, site)?;
        let left = $conversation.left();
        let _running = pre.engine.ticker.run();
        let mut $guest = $self.take($method).await?;
        $guest.store.data_mut().begin_call(left);
        let meter = $guest.store.data().meter.clone();
        charge.by(&meter);
        let outcome = match tokio::time::timeout(left, Metered::new(meter.clone(), $call)).await {
            Ok(Ok(answer)) if $conversation.is_pending() => Ok(answer),
            Ok(Ok(answer)) => check(&answer, site).map(|()| answer.bounded()),
            Ok(Err(error)) => Err(CallError::from_wasmtime(&error, site(), $guest.store.data())),
            Err(_) => Err(CallError::Deadline {
                site: Box::new(site()),
                limit: $conversation.limit,
            }),
        };
        drop(charge);
        pre.record(&scope, &outcome);
        if outcome.is_ok() {
            $self.instantiated = Some($guest);
        }
        outcome
    }};
}

/// Calls a method until it answers, and does what it asks for in between.
macro_rules! converse {
    ($self:ident, $method:literal, $guest:ident => $call:expr) => {{
        let conversation = Conversation::new($self.limit($method), &$self.jobs);
        loop {
            let answer = call!($self, conversation, $method, $guest => $call)?;
            if !$self.goes_on($method, &conversation).await? {
                break Ok(answer);
            }
        }
    }};
}
