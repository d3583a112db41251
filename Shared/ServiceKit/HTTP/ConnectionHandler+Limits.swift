internal import HTTPTypes
internal import NIOCore

extension ConnectionHandler {
    func finishCounting() {
        if isCounted { load.end() }
        load.release(bodyBytes: countedBodyBytes)
        isCounted = false
        countedBodyBytes = 0
    }

    func isAdmitted(_ head: HTTPRequest) -> Bool {
        assert(!isCounted, "a connection has one request under way")
        if ServerLoad.isHealth(head.path) || ServerLoad.isWaiting(head.path) { return true }
        isCounted = load.admit(head, delay: executor.delay.nanoseconds)
        return isCounted
    }

    /// - Returns: whether there is room for so many more bytes of a body.
    func count(_ bytes: Int) -> Bool {
        let more = min(bytes, load.limits.countedBodyBytes - countedBodyBytes)
        guard more > 0 else { return true }
        countedBodyBytes += more
        return load.take(bodyBytes: more)
    }

    /// Answers a request that goes no further, a while later; what is left of a small one is read, so that the connection can be used again.
    func refuse(_ head: RequestHead, _ context: ChannelHandlerContext) {
        let isWhole = head.request.method != .head
        guard head.bodyLength ?? .max <= 65_536, !load.isDraining, isKeptAlive else {
            return end(with: .serviceUnavailable, isWhole: isWhole, context)
        }
        reading = .refused
        patience = Patience()
        executor.watch.add(self)
        isAnswering = true
        answer = Answer()
        closesAfterAnswer = false
        load.beginHoldingBack()
        let remaining = .nanoseconds(load.limits.holdBack.nanoseconds) - executor.waited
        context.eventLoop.assumeIsolatedUnsafeUnchecked().scheduleTask(in: max(remaining, .zero)) {
            self.refuseNow(isWhole: isWhole)
        }
    }

    private func refuseNow(isWhole: Bool) {
        load.endHoldingBack()
        guard !isOver, let context else { return }
        isAnswering = false
        guard !isDeserted, !load.isDraining else { return end(with: .serviceUnavailable, isWhole: isWhole, context) }
        lastUse = .now()
        write(.serviceUnavailable, closing: closesAfterAnswer, isWhole: isWhole)
        context.flush()
        if closesAfterAnswer {
            isOver = true
            closeAfterAnswer()
        } else {
            receiveLater()
        }
    }

    /// Looks after the connection, once a second.
    ///
    /// - Returns: whether to go on.
    func watch() -> Bool {
        guard let context, !isOver else { return false }
        let limits = load.limits
        switch reading {
        case .head where patience.isOver(limits.headSeconds, bytesPerSecond: .max):
            end(with: .requestTimeout, context)
            return false
        case .body where wantsBytes && patience.isOver(limits.bodySeconds, bytesPerSecond: limits.bytesPerSecond):
            end(with: .requestTimeout, context)
            return false
        case .refused where !hasFailedParsing && wantsBytes && patience.isOver(limits.bodySeconds, bytesPerSecond: .max),
            .body where !isBusy && load.isDraining:
            isOver = true
            closeAfterAnswer()
            return false
        default: break
        }
        let waiting = (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        if waiting == 0 {
            answered = Patience()
            taken = nil
        } else {
            // What the kernel took before is no progress of the client's.
            let sent = written - waiting
            let begin = taken ?? sent
            taken = begin
            answered.progress = max(answered.progress, sent - begin)
            if answered.isOver(limits.answerSeconds, bytesPerSecond: limits.bytesPerSecond) {
                isOver = true
                context.close(promise: nil)
                return false
            }
        }
        if reading != .nothing || isBusy || waiting > 0 { return true }
        rest()
        return false
    }

    /// Seconds that were waited, beside what came of it.
    struct Patience {
        private var seconds = 0
        var progress = 0

        /// One second more.
        mutating func isOver(_ limit: Int, bytesPerSecond: Int) -> Bool {
            seconds += 1
            return seconds > limit + progress / bytesPerSecond
        }
    }
}
